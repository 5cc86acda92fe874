//! A connection with one owner, for writers and scanners.

use redis::{Pipeline, Value};

use super::connection::Connection;
use super::connector::{Connector, Target};
use crate::error::Result;
use crate::store::redis::config::RedisConfig;
use crate::store::redis::replies::first_error;

/// A connection that is made on the first use.
///
/// A connection that fails is closed, which ends any `WATCH`; the next call connects again. The
/// calls are not cancel-safe: dropping their future closes the connection too.
pub(crate) struct ExclusiveConnection {
    connector: Connector,
    connection: Option<Connection>,
}

impl ExclusiveConnection {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, connection: None }
    }

    pub(crate) fn config(&self) -> &RedisConfig {
        &self.connector.config
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(crate) fn target(&self) -> &Target {
        self.connector.target()
    }

    /// Switches to another server, unless it is the current one.
    pub(crate) fn switch_to(&mut self, target: &Target) {
        if self.connector.target() != target {
            *self = Self::new(self.connector.with_target(target.clone()));
        }
    }

    /// Sends a pipeline and returns one reply for each command; a reply may be an error.
    pub(crate) async fn execute(&mut self, operation: &str, commands: &Pipeline) -> Result<Vec<Value>> {
        self.connector.check_process()?;
        let timeout = self.config().writer_response_timeout();
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connector.connect().await?,
        };
        let replies = connection.execute(operation, commands, timeout).await?;
        // A master that has become a replica is left: the next connection finds the new master.
        let is_replica = |reply: &Value| matches!(reply, Value::ServerError(e) if e.code() == "READONLY");
        if !replies.iter().any(is_replica) {
            self.connection = Some(connection);
        }
        Ok(replies)
    }

    /// Sends a pipeline and returns one reply for each command.
    ///
    /// # Errors
    /// Any reply is an error.
    pub(crate) async fn execute_checked(
        &mut self,
        operation: &str,
        commands: &Pipeline,
    ) -> Result<Vec<Value>> {
        let replies = self.execute(operation, commands).await?;
        match first_error(&replies) {
            Some(e) => Err(self.config().server_error(operation, e)),
            None => Ok(replies),
        }
    }
}
