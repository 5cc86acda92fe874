//! A tracking connection to one server: client-side caching in broadcasting mode.
//!
//! The connection uses RESP3 and serves no queries. In the default mode of `CLIENT TRACKING`, the
//! server remembers which client read which key. That halves the speed of reads, and costs the
//! server 170 bytes for each key.

use std::sync::Arc;
use std::time::Duration;

use redis::{Pipeline, PushInfo, PushKind, ServerError, Value};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::store::ChangeListener;
use crate::store::redis::config::RedisAddress;
use crate::store::redis::keys::Keys;
use crate::store::redis::net::{Connection, Connector};
use crate::store::redis::replies::as_str;

pub(super) const SUBSCRIBING: &str = "subscribing to changes";

/// How often the server is checked: that it replies, and that it is still a master.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Why a subscription ended, or could not be made.
pub(crate) enum DisconnectReason {
    /// The connection failed. A new attempt may succeed.
    Lost,
    /// The server does not support it, or the user lacks the permission. A person has to act.
    Refused(Error),
}

impl From<Error> for DisconnectReason {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::StoreUnavailable | ErrorKind::StoreTimeout => Self::Lost,
            _ => Self::Refused(error),
        }
    }
}

/// A connection on which the server pushes changes.
pub(crate) struct TrackingConnection {
    connector: Connector,
    connection: Connection,
    disconnected: Arc<Notify>,
}

impl TrackingConnection {
    /// Connects and subscribes. From then on the listener is called for each change.
    pub(crate) async fn connect(
        connector: &Connector,
        keys: &Keys,
        listener: &Arc<dyn ChangeListener>,
    ) -> Result<Self, DisconnectReason> {
        let disconnected = Arc::new(Notify::new());
        let handler = PushHandler {
            keys: keys.clone(),
            listener: listener.clone(),
            disconnected: disconnected.clone(),
        };
        let connection = connector.connect_with_push(move |push| handler.on_push(&push)).await?;
        let tracking = Self { connector: connector.clone(), connection, disconnected };
        tracking.check_master().await?;
        tracking.subscribe(keys).await?;
        Ok(tracking)
    }

    /// Returns the address of the server.
    pub(crate) fn address(&self) -> &RedisAddress {
        self.connection.address()
    }

    async fn subscribe(&self, keys: &Keys) -> Result<()> {
        let mut commands = Pipeline::new();
        let command = commands.cmd("CLIENT").arg("TRACKING").arg("ON").arg("BCAST");
        for prefix in keys.tracked_prefixes() {
            command.arg("PREFIX").arg(prefix);
        }
        match self.execute(&commands).await? {
            Some(Value::Okay) => Ok(()),
            Some(Value::ServerError(e)) if e.code() == "NOPERM" => Err(self.error(
                ErrorKind::StorePermission,
                "the user lacks the permission +client|tracking; grant it to see changes within milliseconds",
            )),
            Some(Value::ServerError(e)) => Err(self.server_error(&e)),
            _ => Err(self.error(ErrorKind::Unsupported, "unexpected reply to CLIENT TRACKING")),
        }
    }

    /// Fails unless the server is a master: a replica pushes a change when it has applied it
    /// itself, and the next read may go to a server that has not.
    async fn check_master(&self) -> Result<()> {
        let mut commands = Pipeline::new();
        // Without arguments it changes nothing, and needs no permission.
        commands.cmd("HELLO");
        let reply = self.execute(&commands).await?;
        let fields = match &reply {
            Some(Value::Map(fields)) => fields.as_slice(),
            Some(Value::ServerError(e)) => return Err(self.server_error(e)),
            _ => &[],
        };
        let role = fields.iter().find(|(name, _)| as_str(name) == Some("role"));
        match role.and_then(|(_, role)| as_str(role)) {
            Some("master") => Ok(()),
            Some(role) => {
                let message = format!("the server is a {role}; only a master pushes changes in time");
                Err(self.error(ErrorKind::Unsupported, &message))
            }
            None => Err(self.error(ErrorKind::Unsupported, "the server does not support RESP3")),
        }
    }

    /// Checks the connection until it ends, and returns the reason.
    pub(crate) async fn wait_until_disconnected(self) -> DisconnectReason {
        loop {
            let next_check = Clock::System.now().after(CHECK_INTERVAL);
            let disconnected = self.disconnected.notified();
            if self.connector.runtime().deadline(&Clock::System, next_check, disconnected).await.is_ok() {
                return DisconnectReason::Lost;
            }
            if let Err(e) = self.check_master().await {
                return e.into();
            }
        }
    }

    async fn execute(&self, commands: &Pipeline) -> Result<Option<Value>> {
        let timeout = self.connector.config.response_timeout;
        Ok(self.connection.execute(SUBSCRIBING, commands, timeout).await?.pop())
    }

    fn error(&self, kind: ErrorKind, message: &str) -> Error {
        self.connection.error_context().error(kind, SUBSCRIBING, message)
    }

    /// A missing command stays missing, but a server that is loading its data will finish.
    fn server_error(&self, error: &ServerError) -> Error {
        let converted = self.connection.error_context().server_error(SUBSCRIBING, error);
        match error.code() {
            "LOADING" | "BUSY" | "MASTERDOWN" => converted,
            _ => Error::new(ErrorKind::Unsupported, converted.message().to_owned()),
        }
    }
}

/// Translates push messages of the server into calls of the listener.
struct PushHandler {
    keys: Keys,
    listener: Arc<dyn ChangeListener>,
    disconnected: Arc<Notify>,
}

impl PushHandler {
    fn on_push(&self, push: &PushInfo) {
        match push.kind {
            PushKind::Invalidate => self.on_invalidate(push.data.first()),
            PushKind::Disconnection => self.disconnected.notify_one(),
            _ => {}
        }
    }

    fn on_invalidate(&self, keys: Option<&Value>) {
        let Some(Value::Array(keys)) = keys else {
            // The whole database was flushed, or the message is of an unknown form.
            return self.listener.everything_changed();
        };
        let mut hashes: Vec<ContextHash> = Vec::with_capacity(keys.len());
        for key in keys {
            match key {
                Value::BulkString(key) if *key == self.keys.synchronized_on.as_bytes() => {
                    self.listener.metadata_changed();
                }
                // A key that does not parse has the prefix by chance. No lookup reads it.
                Value::BulkString(key) => hashes.extend(self.keys.parse(key).map(|(hash, _)| hash)),
                _ => self.listener.everything_changed(),
            }
        }
        self.listener.memberships_changed(&hashes);
    }
}
