//! A connection that all readers share. It is made on the first use, and replaced when it breaks.

use std::time::Duration;

use super::connection::Connection;
use super::connector::Connector;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::error::Result;
use crate::shared_attempt::{AfterFailure, SharedAttempt, Validity};
use crate::store::redis::config::RedisAddress;

/// The pause after a failed attempt to connect. Callers fail at once meanwhile, with the same
/// error. Therefore the longest pause is shorter than the interval at which the engine probes a
/// store that failed.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));

/// Returns the connection to its callers. Concurrent callers share one attempt to connect, and none
/// waits for a pause.
pub(crate) struct SharedConnection {
    connector: Connector,
    attempt: SharedAttempt<Connection>,
}

impl SharedConnection {
    /// Creates a connection to the only server: callers wait for an attempt to connect, whatever
    /// happened before.
    pub(crate) fn new(connector: Connector) -> Self {
        Self::with(connector, AfterFailure::Wait)
    }

    /// Creates a connection to one node of a cluster: after a failure, callers fail at once instead
    /// of waiting, so that this node does not delay the replies of the others.
    pub(crate) fn for_cluster_node(connector: Connector) -> Self {
        Self::with(connector, AfterFailure::FailFast)
    }

    fn with(connector: Connector, after_failure: AfterFailure) -> Self {
        let runtime = connector.runtime().clone();
        let attempt = SharedAttempt::new(runtime, Clock::System, BACKOFF, after_failure);
        Self { connector, attempt }
    }

    /// Returns whether there is an open connection without known problems.
    pub(crate) fn is_open(&self) -> bool {
        self.attempt.peek().is_some_and(|connection| !connection.is_broken())
    }

    /// Gives up a connection to any other server, so that the next caller connects again.
    pub(crate) fn pin_to(&self, address: &RedisAddress) {
        self.attempt.discard_if(|connection| connection.address() != address);
    }

    /// Returns the connection, connecting if necessary.
    ///
    /// # Errors
    /// The error of this attempt to connect, or of the last one.
    pub(crate) async fn connection(&self) -> Result<Connection> {
        let validity = |connection: &Connection| {
            if connection.is_broken() {
                Validity::Invalid(connection.timeout_error())
            } else {
                Validity::Valid
            }
        };
        self.attempt.get(validity, |_| self.connector.clone().connect_on_runtime()).await
    }
}
