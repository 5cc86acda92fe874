//! A connection that all readers share. It is made on the first use, and replaced when it breaks.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::connector::{Attempt, Connector};
use crate::clock::{Clock, Moment};
use crate::error::{Error, Result};
use crate::store::redis::config::RedisAddress;

/// The pause after a failed attempt to connect. Callers fail at once meanwhile, with the same
/// error. Therefore the longest pause is shorter than the interval at which the engine probes a
/// store that failed.
const MIN_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_millis(500);

/// Returns the connection to its callers. Concurrent callers share one attempt to connect, and none
/// waits for a pause.
pub(crate) struct SharedConnection {
    connector: Connector,
    after_failure: AfterFailure,
    cell: Arc<Mutex<ConnectionCell>>,
}

/// Whether callers wait for an attempt to connect that follows a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AfterFailure {
    Wait,
    /// For one of many servers: it must not delay the replies of the others.
    FailFast,
}

#[derive(Default)]
struct ConnectionCell {
    state: State,
    failures: u32,
    /// Why the last attempt, or the last connection, failed.
    last_error: Option<Error>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Connecting(Attempt),
    Open(Connection),
    /// Callers fail with this error until that moment.
    BackingOff(Error, Moment),
}

impl SharedConnection {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, after_failure: AfterFailure::Wait, cell: Arc::default() }
    }

    /// Creates a connection to one node of a cluster: after a failure, callers fail at once instead
    /// of waiting.
    pub(crate) fn for_cluster_node(connector: Connector) -> Self {
        Self { after_failure: AfterFailure::FailFast, ..Self::new(connector) }
    }

    /// Returns whether there is an open connection without known problems.
    pub(crate) fn is_open(&self) -> bool {
        matches!(&self.cell.lock().state, State::Open(connection) if !connection.is_broken())
    }

    /// Marks the connection as broken if it goes to another server.
    pub(crate) fn pin_to(&self, address: &RedisAddress) {
        if let State::Open(connection) = &self.cell.lock().state
            && connection.address() != address
        {
            connection.mark_broken();
        }
    }

    /// Returns the connection, connecting if necessary.
    ///
    /// # Errors
    /// The error of this attempt to connect, or of the last one.
    pub(crate) async fn connection(&self) -> Result<Connection> {
        self.connector.check_process()?;
        let attempt = {
            let mut cell = self.cell.lock();
            let timeout_error = match &cell.state {
                State::Open(connection) => connection.timeout_error(),
                _ => None,
            };
            cell.last_error = timeout_error.or(cell.last_error.take());
            let attempt = match &cell.state {
                State::Open(connection) if !connection.is_broken() => return Ok(connection.clone()),
                State::BackingOff(error, until) if Clock::System.now() < *until => return Err(error.clone()),
                State::Connecting(attempt) => attempt.clone(),
                State::Idle | State::Open(_) | State::BackingOff(..) => {
                    // Weak: the cell owns the task, so the task must not own the cell.
                    let weak_cell = Arc::downgrade(&self.cell);
                    let attempt = self.connector.connect(&mut cell.tasks, move |outcome| {
                        if let Some(cell) = weak_cell.upgrade() {
                            cell.lock().finish(outcome);
                        }
                    });
                    cell.state = State::Connecting(attempt.clone());
                    attempt
                }
            };
            match &cell.last_error {
                Some(error) if self.after_failure == AfterFailure::FailFast => return Err(error.clone()),
                _ => attempt,
            }
        };
        attempt.await
    }
}

impl ConnectionCell {
    fn finish(&mut self, outcome: &Result<Connection>) {
        self.state = match outcome {
            Ok(connection) => {
                self.failures = 0;
                self.last_error = None;
                State::Open(connection.clone())
            }
            Err(error) => {
                let backoff = MIN_BACKOFF.saturating_mul(1 << self.failures.min(10)).min(MAX_BACKOFF);
                self.failures = self.failures.saturating_add(1);
                self.last_error = Some(error.clone());
                State::BackingOff(error.clone(), Clock::System.now().after(backoff))
            }
        };
    }
}
