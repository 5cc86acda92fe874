//! Hears from a server of each change as it happens: client-side caching, in its broadcasting form (SPEC §8).
//!
//! A small connection of its own speaks RESP3 and does nothing else. The other form, in which the server remembers who
//! read what, halves the speed of reading and costs the server 170 bytes for each key read.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use parking_lot::Mutex;
use redis::{Pipeline, PushInfo, PushKind, ServerError, Value};
use tokio::sync::Notify;

use super::config::RedisConfig;
use super::connection::{Connection, Connector};
use super::keys::Keys;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{ChangeObserver, Limitation};

const ASKING: &str = "asking to be told of changes";

/// How often the server is asked whether it is still there, and still the master.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long nobody connects after a connection was lost; doubles up to the longest.
const FIRST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(2);
/// How long after a refusal the server is asked again: permissions change rarely.
const REFUSED_REST: Duration = Duration::from_secs(60);

/// Why a server no longer tells.
enum Silence {
    /// The connection failed.
    Lost,
    /// The server cannot, or may not.
    Refused(Error),
}

/// Follows the changes of a store, and remembers why it cannot.
#[derive(Default)]
pub(super) struct Push {
    refusal: Mutex<Option<Error>>,
}

impl Push {
    pub(super) fn limitation(&self) -> Option<Limitation> {
        let reason = self.refusal.lock().as_ref()?.message().to_owned();
        Some(Limitation { feature: Limitation::PUSH_INVALIDATION, reason })
    }

    /// Tells the observer of changes, for ever. To be awaited on our runtime.
    pub(super) async fn follow(&self, connector: &Connector, keys: &Keys, observer: Arc<dyn ChangeObserver>) {
        let mut rest = FIRST_REST;
        loop {
            let silence = match self.listen(connector, keys, &observer).await {
                (silence, true) => {
                    rest = FIRST_REST;
                    silence
                }
                (silence, false) => silence,
            };
            let pause = match silence {
                Silence::Lost => rest,
                Silence::Refused(error) => {
                    *self.refusal.lock() = Some(error);
                    REFUSED_REST
                }
            };
            observer.not_watching();
            connector.pause(pause).await;
            rest = (2 * rest).min(LONGEST_REST);
        }
    }

    /// Connects and listens until that fails; also returns whether it was told anything meanwhile.
    async fn listen(
        &self,
        connector: &Connector,
        keys: &Keys,
        observer: &Arc<dyn ChangeObserver>,
    ) -> (Silence, bool) {
        let lost = Arc::new(Notify::new());
        let listener = Listener { keys: keys.clone(), observer: observer.clone(), lost: lost.clone() };
        let connection = match connector.connect_listening(move |push| listener.hear(&push)).await {
            Ok(connection) => connection,
            Err(e) => return (silence(e), false),
        };
        if let Err(e) = subscribe(&connection, connector, keys).await {
            return (silence(e), false);
        }
        *self.refusal.lock() = None;
        observer.watching();
        (silence(stay(&connection, connector, &lost).await), true)
    }
}

/// Tells a failure that may pass from one that needs somebody to act.
fn silence(error: Error) -> Silence {
    match error.kind() {
        ErrorKind::StoreUnavailable | ErrorKind::StoreTimeout => Silence::Lost,
        _ => Silence::Refused(error),
    }
}

async fn subscribe(connection: &Connection, connector: &Connector, keys: &Keys) -> Result<()> {
    check_master(connection, connector).await?;
    let mut commands = Pipeline::new();
    let command = commands.cmd("CLIENT").arg("TRACKING").arg("ON").arg("BCAST");
    for prefix in keys.leads() {
        command.arg("PREFIX").arg(prefix);
    }
    let config = &connector.config;
    match connection.exchange(ASKING, &commands, config.response_timeout).await?.pop() {
        Some(Value::Okay) => Ok(()),
        Some(Value::ServerError(e)) if e.code() == "NOPERM" => Err(config.error(
            ErrorKind::StorePermission,
            ASKING,
            "the user lacks the permission +client|tracking; grant it, and changes are seen within milliseconds",
        )),
        Some(Value::ServerError(e)) => Err(refusal(config, &e)),
        _ => Err(config.error(ErrorKind::Unsupported, ASKING, "the server's reply makes no sense")),
    }
}

/// A server that lacks a command will lack it tomorrow; one that is loading its data will not.
fn refusal(config: &RedisConfig, error: &ServerError) -> Error {
    let refusal = config.refusal(ASKING, error);
    match error.code() {
        "LOADING" | "BUSY" | "MASTERDOWN" => refusal,
        _ => Error::new(ErrorKind::Unsupported, refusal.message().to_owned()),
    }
}

/// A replica hears of a change when it may not have it yet, or when whoever is asked next may not.
async fn check_master(connection: &Connection, connector: &Connector) -> Result<()> {
    let mut commands = Pipeline::new();
    commands.cmd("HELLO");
    let config = &connector.config;
    let reply = connection.exchange(ASKING, &commands, config.response_timeout).await?.pop();
    let fields = match &reply {
        Some(Value::Map(fields)) => fields.as_slice(),
        Some(Value::ServerError(e)) => return Err(refusal(config, e)),
        _ => &[],
    };
    let word = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        _ => String::new(),
    };
    match fields.iter().find(|(name, _)| word(name) == "role").map(|(_, role)| word(role)) {
        Some(role) if role == "master" => Ok(()),
        Some(role) => {
            let what = format!("the server is a {role}; only a master tells of changes in time");
            Err(config.error(ErrorKind::Unsupported, ASKING, &what))
        }
        None => Err(config.error(ErrorKind::Unsupported, ASKING, "the server does not speak RESP3")),
    }
}

/// Watches over the connection until it fails, and says why it did.
async fn stay(connection: &Connection, connector: &Connector, lost: &Notify) -> Error {
    loop {
        let pause = std::pin::pin!(connector.pause(HEARTBEAT));
        if let Either::Left(_) = select(std::pin::pin!(lost.notified()), pause).await {
            return connector.config.error(ErrorKind::StoreUnavailable, ASKING, "the connection was lost");
        }
        if let Err(e) = check_master(connection, connector).await {
            return e;
        }
    }
}

/// Understands what the server tells.
struct Listener {
    keys: Keys,
    observer: Arc<dyn ChangeObserver>,
    lost: Arc<Notify>,
}

impl Listener {
    fn hear(&self, push: &PushInfo) {
        match push.kind {
            PushKind::Invalidate => self.changed(push.data.first()),
            PushKind::Disconnection => self.lost.notify_one(),
            _ => {}
        }
    }

    fn changed(&self, keys: Option<&Value>) {
        let Some(Value::Array(keys)) = keys else {
            // The whole database was flushed, or something came that is not understood.
            return self.observer.everything_changed();
        };
        let mut hashes: Vec<ContextHash> = Vec::with_capacity(keys.len());
        for key in keys {
            match key {
                Value::BulkString(key) if *key == self.keys.synchronized_on.as_bytes() => {
                    self.observer.metadata_changed();
                }
                // A key that is none of ours has our prefix by chance, and nobody looks it up.
                Value::BulkString(key) => hashes.extend(self.keys.parse(key).map(|(hash, _)| hash)),
                _ => self.observer.everything_changed(),
            }
        }
        self.observer.memberships_changed(&hashes);
    }
}
