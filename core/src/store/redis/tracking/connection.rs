//! Listens to one server: client-side caching, in its broadcasting form.
//!
//! A small connection of its own speaks RESP3 and does nothing else. The other form, in which the server remembers who
//! read what, halves the speed of reading and costs the server 170 bytes for each key read.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use redis::{Pipeline, PushInfo, PushKind, ServerError, Value};
use tokio::sync::Notify;

use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::store::ChangeObserver;
use crate::store::redis::config::RedisAddress;
use crate::store::redis::keys::Keys;
use crate::store::redis::net::Connection;
use crate::store::redis::net::Connector;

const ASKING: &str = "asking to be told of changes";

/// How often the server is asked whether it is still there, and still a master.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Why a server does not tell.
pub(crate) enum Silence {
    /// The connection failed.
    Lost,
    /// The server cannot, or may not.
    Refused(Error),
}

impl From<Error> for Silence {
    /// Tells a failure that may pass from one that needs somebody to act.
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::StoreUnavailable | ErrorKind::StoreTimeout => Self::Lost,
            _ => Self::Refused(error),
        }
    }
}

/// A connection on which the server tells.
pub(crate) struct Listener {
    connector: Connector,
    connection: Connection,
    lost: Arc<Notify>,
}

impl Listener {
    /// Connects, and asks to be told; from then on the observer hears of each change.
    pub(crate) async fn connect(
        connector: &Connector,
        keys: &Keys,
        observer: &Arc<dyn ChangeObserver>,
    ) -> Result<Self, Silence> {
        let lost = Arc::new(Notify::new());
        let ear = Ear { keys: keys.clone(), observer: observer.clone(), lost: lost.clone() };
        let connection = connector.listen(move |push| ear.hear(&push)).await?;
        let listener = Self { connector: connector.clone(), connection, lost };
        listener.check_master().await?;
        listener.subscribe(keys).await?;
        Ok(listener)
    }

    /// Returns where the server is.
    pub(crate) fn address(&self) -> &RedisAddress {
        self.connection.address()
    }

    async fn subscribe(&self, keys: &Keys) -> Result<()> {
        let mut commands = Pipeline::new();
        let command = commands.cmd("CLIENT").arg("TRACKING").arg("ON").arg("BCAST");
        for lead in keys.leads() {
            command.arg("PREFIX").arg(lead);
        }
        match self.exchange(&commands).await? {
            Some(Value::Okay) => Ok(()),
            Some(Value::ServerError(e)) if e.code() == "NOPERM" => Err(self.error(
                ErrorKind::StorePermission,
                "the user lacks the permission +client|tracking; grant it, and changes are seen within milliseconds",
            )),
            Some(Value::ServerError(e)) => Err(self.refusal(&e)),
            _ => Err(self.error(ErrorKind::Unsupported, "the server's reply makes no sense")),
        }
    }

    /// A replica tells of a change when it has it itself; the next query may go to one that does not.
    async fn check_master(&self) -> Result<()> {
        let mut commands = Pipeline::new();
        // Without arguments it changes nothing, and needs no permission.
        commands.cmd("HELLO");
        let reply = self.exchange(&commands).await?;
        let fields = match &reply {
            Some(Value::Map(fields)) => fields.as_slice(),
            Some(Value::ServerError(e)) => return Err(self.refusal(e)),
            _ => &[],
        };
        let role =
            fields.iter().find(|(name, _)| word(name) == Some("role")).and_then(|(_, role)| word(role));
        match role {
            Some("master") => Ok(()),
            Some(role) => {
                let what = format!("the server is a {role}; only a master tells of changes in time");
                Err(self.error(ErrorKind::Unsupported, &what))
            }
            None => Err(self.error(ErrorKind::Unsupported, "the server does not speak RESP3")),
        }
    }

    /// Watches over the connection until it falls silent, and says why it did.
    pub(crate) async fn silence(self) -> Silence {
        loop {
            let pause = pin!(self.connector.pause(HEARTBEAT));
            if let Either::Left(_) = select(pin!(self.lost.notified()), pause).await {
                return Silence::Lost;
            }
            if let Err(e) = self.check_master().await {
                return e.into();
            }
        }
    }

    async fn exchange(&self, commands: &Pipeline) -> Result<Option<Value>> {
        let patience = self.connector.config.response_timeout;
        Ok(self.connection.exchange(ASKING, commands, patience).await?.pop())
    }

    fn error(&self, kind: ErrorKind, what: &str) -> Error {
        self.connection.site().error(kind, ASKING, what)
    }

    /// A server that lacks a command will lack it tomorrow; one that is loading its data will not.
    fn refusal(&self, error: &ServerError) -> Error {
        let refusal = self.connection.site().refusal(ASKING, error);
        match error.code() {
            "LOADING" | "BUSY" | "MASTERDOWN" => refusal,
            _ => Error::new(ErrorKind::Unsupported, refusal.message().to_owned()),
        }
    }
}

fn word(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// Understands what the server tells.
struct Ear {
    keys: Keys,
    observer: Arc<dyn ChangeObserver>,
    lost: Arc<Notify>,
}

impl Ear {
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
