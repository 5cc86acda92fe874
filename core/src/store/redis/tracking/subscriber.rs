//! Hears of changes as they happen, from every master that there is (docs/spec.md#push-invalidation).

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::{Listener, Silence};
use crate::error::{Error, ErrorKind};
use crate::store::redis::client::Servers;
use crate::store::redis::config::{ReadFrom, RedisAddress, RedisServers};
use crate::store::redis::keys::Keys;
use crate::store::redis::net::{Connector, Target};
use crate::store::{ChangeObserver, Limitation};

/// How long nobody connects after a connection was lost; doubles up to the longest.
const FIRST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(2);
/// How long after a refusal the server is asked again: permissions change rarely.
const REFUSED_REST: Duration = Duration::from_secs(60);

/// Follows the changes of a store, and remembers why it cannot.
#[derive(Default)]
pub(crate) struct Push {
    refusals: Arc<Mutex<BTreeMap<Target, Error>>>,
}

impl Push {
    /// Says why changes are not told, if that is because a server refused.
    pub(crate) fn limitation(&self) -> Option<Limitation> {
        let reason = self.refusals.lock().values().next()?.message().to_owned();
        Some(Limitation { feature: Limitation::PUSH_INVALIDATION, reason })
    }

    /// Tells the observer of changes, for ever. To be awaited on our runtime.
    pub(crate) async fn follow(&self, servers: &Servers, keys: &Keys, observer: Arc<dyn ChangeObserver>) {
        let connector = servers.connector();
        let config = &connector.config;
        if config.read_from == ReadFrom::Replica && !matches!(config.servers, RedisServers::One(_)) {
            let what = "replicas are read from, and may not have a change yet when it is told";
            let error = config.error(ErrorKind::Unsupported, "following changes", what);
            self.refusals.lock().insert(connector.target().clone(), error);
            observer.not_watching();
            return std::future::pending().await;
        }
        let heard = Arc::new(watch::Sender::new(Sessions::new()));
        let (mut masters, mut hearing) = (servers.masters(), heard.subscribe());
        let mut lines: BTreeMap<Target, (u64, JoinSet<()>)> = BTreeMap::new();
        let (mut lines_made, mut told) = (0, None);
        loop {
            let wanted: BTreeSet<Target> = masters.borrow_and_update().iter().cloned().collect();
            // Whoever leaves stops being listened to, for a set that is dropped ends its tasks.
            lines.retain(|target, _| wanted.contains(target));
            self.refusals.lock().retain(|target, _| wanted.contains(target));
            for target in wanted {
                lines.entry(target).or_insert_with_key(|target| {
                    lines_made += 1;
                    let line = Line {
                        id: lines_made,
                        connector: connector.towards(target.clone()),
                        keys: keys.clone(),
                        observer: observer.clone(),
                        heard: heard.clone(),
                        refusals: self.refusals.clone(),
                    };
                    let mut task = JoinSet::new();
                    connector.spawn_in(&mut task, line.hold());
                    (lines_made, task)
                });
            }
            let sessions = sessions_of_all(lines.values().map(|(id, _)| *id), &hearing.borrow_and_update());
            match &sessions {
                None => observer.not_watching(),
                Some(_) if sessions == told => {}
                // One may have been lost and found again in between.
                Some(sessions) => {
                    sessions.values().for_each(|(_, master)| servers.keep_to(master));
                    observer.watching();
                }
            }
            told = sessions;
            // Neither channel closes while its sender is held here.
            let _ = select(pin!(masters.changed()), pin!(hearing.changed())).await;
        }
    }
}

/// Which lines are heard, each in which session and from where.
type Sessions = BTreeMap<u64, (u64, RedisAddress)>;

/// Returns the sessions of these lines if every one is heard: only then can no change go untold.
fn sessions_of_all(lines: impl Iterator<Item = u64>, heard: &Sessions) -> Option<Sessions> {
    let all = lines.map(|line| Some((line, heard.get(&line)?.clone())));
    all.collect::<Option<Sessions>>().filter(|sessions| !sessions.is_empty())
}

/// The line to one master.
struct Line {
    id: u64,
    connector: Connector,
    keys: Keys,
    observer: Arc<dyn ChangeObserver>,
    heard: Arc<watch::Sender<Sessions>>,
    refusals: Arc<Mutex<BTreeMap<Target, Error>>>,
}

impl Line {
    /// Listens for ever, connecting again and again.
    async fn hold(self) {
        let target = self.connector.target();
        let (mut rest, mut session) = (FIRST_REST, 0);
        loop {
            let listener = Listener::connect(&self.connector, &self.keys, &self.observer).await;
            let silence = match listener {
                Ok(listener) => {
                    self.refusals.lock().remove(target);
                    (rest, session) = (FIRST_REST, session + 1);
                    self.heard.send_modify(|heard| {
                        heard.insert(self.id, (session, listener.address().clone()));
                    });
                    listener.silence().await
                }
                Err(silence) => silence,
            };
            let pause = match silence {
                Silence::Lost => rest,
                Silence::Refused(error) => {
                    self.refusals.lock().insert(target.clone(), error);
                    REFUSED_REST
                }
            };
            self.heard.send_modify(|heard| {
                heard.remove(&self.id);
            });
            self.connector.pause(pause).await;
            rest = (2 * rest).min(LONGEST_REST);
        }
    }
}
