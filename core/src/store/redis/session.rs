//! A connection of one's own, for those who may block: writers, loads and walks.

use redis::{Pipeline, Value};
use tokio::task::JoinSet;

use super::config::RedisConfig;
use super::connection::Connection;
use super::connector::Connector;
use crate::error::Result;

/// Made when first needed. One that failed is thrown away, and with it any `WATCH`; the next exchange makes another.
pub(super) struct Session {
    pub(super) connector: Connector,
    connection: Option<Connection>,
}

impl Session {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, connection: None }
    }

    pub(super) fn config(&self) -> &RedisConfig {
        &self.connector.config
    }

    /// Sends commands together, waits, and returns one reply for each; a reply may be an error.
    pub(super) fn exchange(&mut self, doing: &str, commands: &Pipeline) -> Result<Vec<Value>> {
        self.connector.check_process()?;
        let patience = self.config().response_timeout.max(RedisConfig::WRITER_PATIENCE);
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => pollster::block_on(self.connector.connect(&mut JoinSet::new(), |_| {}))?,
        };
        let replies = pollster::block_on(connection.exchange(doing, commands, patience))?;
        self.connection = Some(connection);
        Ok(replies)
    }

    /// Does the same, and takes any reply that is an error for a failure of the whole.
    pub(super) fn exchange_all(&mut self, doing: &str, commands: &Pipeline) -> Result<Vec<Value>> {
        let replies = self.exchange(doing, commands)?;
        match replies.iter().find_map(|reply| if let Value::ServerError(e) = reply { Some(e) } else { None })
        {
            Some(e) => Err(self.config().refusal(doing, e)),
            None => Ok(replies),
        }
    }
}
