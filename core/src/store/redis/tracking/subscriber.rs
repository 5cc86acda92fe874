//! Subscribes to the changes of a store on every master (docs/spec.md#push-invalidation), and
//! reports whether every change is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::{DisconnectReason, SUBSCRIBING, TrackingConnection};
use crate::backoff::Backoff;
use crate::error::{Error, ErrorKind};
use crate::store::redis::client::RedisClient;
use crate::store::redis::config::{ReadFrom, RedisAddress, RedisServers};
use crate::store::redis::keys::Keys;
use crate::store::redis::net::{Connector, Target};
use crate::store::{ChangeListener, Limitation};

/// The pause before a lost connection is replaced; it doubles up to the maximum.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
/// The pause after a server has refused: permissions change rarely.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// Subscribes to changes, and keeps the reason if a server refuses.
#[derive(Default)]
pub(crate) struct PushSubscriber {
    refusals: Refusals,
}

type Refusals = Arc<Mutex<BTreeMap<Target, Error>>>;

/// The subscriptions that are connected now, by their id.
type ConnectedSubscriptions = BTreeMap<u64, Connected>;

/// The present connection of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Connected {
    /// How many connections the subscription has had, so that a lost and renewed one is noticed.
    connection_number: u64,
    server: RedisAddress,
}

/// A subscription, and the set that holds its task. Dropping the set ends the task.
struct RunningSubscription {
    id: u64,
    _task: JoinSet<()>,
}

impl PushSubscriber {
    /// Returns why changes are not pushed, if a server refused.
    pub(crate) fn limitation(&self) -> Option<Limitation> {
        let reason = self.refusals.lock().values().next()?.message().to_owned();
        Some(Limitation { feature: Limitation::PUSH_INVALIDATION, reason })
    }

    /// Calls the listener for every change, and never returns. Must be awaited on the library's
    /// runtime.
    pub(crate) async fn run(&self, client: &RedisClient, keys: &Keys, listener: Arc<dyn ChangeListener>) {
        let connector = client.connector();
        let config = client.config();
        if config.read_from == ReadFrom::Replica && !matches!(config.servers, RedisServers::One(_)) {
            let message = "not possible with read_from=replica: a replica may lag behind a pushed change";
            let error = config.error(ErrorKind::Unsupported, SUBSCRIBING, message);
            self.refusals.lock().insert(connector.target().clone(), error);
            listener.disconnected();
            return std::future::pending().await;
        }
        let connected_sender = Arc::new(watch::Sender::new(ConnectedSubscriptions::new()));
        let mut connected_updates = connected_sender.subscribe();
        let mut masters = client.masters();
        let mut subscriptions: BTreeMap<Target, RunningSubscription> = BTreeMap::new();
        let mut next_id = 0;
        let mut announced = None;
        loop {
            let targets: BTreeSet<Target> = masters.borrow_and_update().iter().cloned().collect();
            subscriptions.retain(|target, _| targets.contains(target));
            self.refusals.lock().retain(|target, _| targets.contains(target));
            for target in targets {
                subscriptions.entry(target).or_insert_with_key(|target| {
                    next_id += 1;
                    let subscription = Subscription {
                        id: next_id,
                        connector: connector.with_target(target.clone()),
                        keys: keys.clone(),
                        listener: listener.clone(),
                        connected: connected_sender.clone(),
                        refusals: self.refusals.clone(),
                    };
                    let mut task = JoinSet::new();
                    connector.spawn_in(&mut task, subscription.run());
                    RunningSubscription { id: next_id, _task: task }
                });
            }
            let ids = subscriptions.values().map(|subscription| subscription.id);
            let connected = all_connected(ids, &connected_updates.borrow_and_update());
            match &connected {
                None => listener.disconnected(),
                Some(_) if connected == announced => {}
                // Also if a subscription was lost and made again in between.
                Some(subscriptions) => {
                    for subscription in subscriptions.values() {
                        client.pin_to(&subscription.server);
                    }
                    listener.connected();
                }
            }
            announced = connected;
            // Neither channel closes, because this function holds its sender.
            let _ = select(pin!(masters.changed()), pin!(connected_updates.changed())).await;
        }
    }
}

/// Returns all subscriptions if every one is connected: only then is every change seen.
fn all_connected(
    ids: impl Iterator<Item = u64>,
    connected: &ConnectedSubscriptions,
) -> Option<ConnectedSubscriptions> {
    let all: Option<ConnectedSubscriptions> = ids.map(|id| Some((id, connected.get(&id)?.clone()))).collect();
    all.filter(|subscriptions| !subscriptions.is_empty())
}

/// The subscription to one master.
struct Subscription {
    id: u64,
    connector: Connector,
    keys: Keys,
    listener: Arc<dyn ChangeListener>,
    connected: Arc<watch::Sender<ConnectedSubscriptions>>,
    refusals: Refusals,
}

impl Subscription {
    /// Keeps a tracking connection open, and never returns.
    async fn run(self) {
        let target = self.connector.target();
        let mut failures = 0;
        let mut connection_number = 0;
        loop {
            let tracking = TrackingConnection::connect(&self.connector, &self.keys, &self.listener).await;
            let reason = match tracking {
                Ok(tracking) => {
                    self.refusals.lock().remove(target);
                    failures = 0;
                    connection_number += 1;
                    let connected = Connected { connection_number, server: tracking.address().clone() };
                    self.connected.send_modify(|subscriptions| {
                        subscriptions.insert(self.id, connected);
                    });
                    tracking.wait_until_disconnected().await
                }
                Err(reason) => reason,
            };
            let pause = match reason {
                DisconnectReason::Lost => BACKOFF.equal_jitter(failures),
                DisconnectReason::Refused(error) => {
                    self.refusals.lock().insert(target.clone(), error);
                    REFUSED_PAUSE
                }
            };
            self.connected.send_modify(|subscriptions| {
                subscriptions.remove(&self.id);
            });
            self.connector.sleep(pause).await;
            failures = failures.saturating_add(1);
        }
    }
}
