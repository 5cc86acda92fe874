//! A connection of one's own, for those who watch keys or walk a server: writers, loads and walks.

use redis::{Pipeline, Value};
use tokio::task::JoinSet;

use super::connection::Connection;
use super::connector::{Connector, Target};
use crate::error::Result;
use crate::store::redis::config::RedisConfig;

/// Made when first needed. One that failed is thrown away, and with it any `WATCH`; the next exchange makes another.
pub(crate) struct Session {
    pub(crate) connector: Connector,
    connection: Option<Connection>,
}

impl Session {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, connection: None }
    }

    pub(crate) fn config(&self) -> &RedisConfig {
        &self.connector.config
    }

    /// Turns to another server, unless it is the same.
    pub(crate) fn turn_to(&mut self, target: &Target) {
        if self.connector.target() != target {
            *self = Self::new(self.connector.towards(target.clone()));
        }
    }

    /// Sends commands together and returns one reply for each; a reply may be an error. Of a future that is dropped
    /// before it is done, the connection goes, too.
    pub(crate) async fn send(&mut self, doing: &str, commands: &Pipeline) -> Result<Vec<Value>> {
        self.connector.check_process()?;
        let patience = self.config().response_timeout.max(RedisConfig::WRITER_PATIENCE);
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connector.connect(&mut JoinSet::new(), |_| {}).await?,
        };
        let replies = connection.exchange(doing, commands, patience).await?;
        // A master that has become a replica is left, and with the next connection found again.
        let is_lost = |reply: &Value| matches!(reply, Value::ServerError(e) if e.code() == "READONLY");
        if !replies.iter().any(is_lost) {
            self.connection = Some(connection);
        }
        Ok(replies)
    }

    /// Does the same, and waits.
    pub(crate) fn exchange(&mut self, doing: &str, commands: &Pipeline) -> Result<Vec<Value>> {
        pollster::block_on(self.send(doing, commands))
    }

    /// Does the same, and takes any reply that is an error for a failure of the whole.
    pub(crate) fn exchange_all(&mut self, doing: &str, commands: &Pipeline) -> Result<Vec<Value>> {
        let replies = self.exchange(doing, commands)?;
        match replies.iter().find_map(|reply| if let Value::ServerError(e) = reply { Some(e) } else { None })
        {
            Some(e) => Err(self.config().refusal(doing, e)),
            None => Ok(replies),
        }
    }
}
