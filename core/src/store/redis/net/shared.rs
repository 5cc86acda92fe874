//! A connection that all readers share: made when first needed, replaced when lost.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::connector::{Attempt, Connector};
use crate::clock::{Clock, Moment};
use crate::error::{Error, Result};
use crate::store::redis::config::RedisAddress;

/// How long nobody connects after a first failure; doubles up to the longest. Callers in between fail at once with the
/// same words, so the longest is kept below the interval at which the engine probes a store that failed.
const FIRST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_millis(500);

/// Hands out the connection; concurrent callers share one attempt to make it, and none waits for a pause to end.
pub(crate) struct Link {
    pub(crate) connector: Connector,
    /// Whether callers wait for an attempt even though the one before it failed. Where many servers are asked together
    /// they do not: one that is gone must not hold up the answers of the others.
    patient: bool,
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    state: State,
    failures: u32,
    /// Why the last attempt, or the last connection, failed.
    failure: Option<Error>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Connecting(Attempt),
    Open(Connection),
    Resting(Error, Moment),
}

impl Link {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, patient: true, line: Arc::default() }
    }

    /// Makes one to one server of many.
    pub(crate) fn one_of_many(connector: Connector) -> Self {
        Self { patient: false, ..Self::new(connector) }
    }

    /// Returns whether there is a connection that nothing is known to be wrong with.
    pub(crate) fn is_open(&self) -> bool {
        matches!(&self.line.lock().state, State::Open(connection) if !connection.is_broken())
    }

    /// Gives up a connection to anybody else.
    pub(crate) fn keep_to(&self, address: &RedisAddress) {
        if let State::Open(connection) = &self.line.lock().state
            && connection.address() != address
        {
            connection.give_up();
        }
    }

    /// Returns the connection, making it if there is none.
    ///
    /// # Errors
    /// Why it could not be made, now or a moment ago.
    pub(crate) async fn connection(&self) -> Result<Connection> {
        self.connector.check_process()?;
        let attempt = {
            let mut line = self.line.lock();
            let silence = if let State::Open(connection) = &line.state { connection.silence() } else { None };
            line.failure = silence.or(line.failure.take());
            let attempt = match &line.state {
                State::Open(connection) if !connection.is_broken() => return Ok(connection.clone()),
                State::Resting(error, until) if Clock::System.now() < *until => return Err(error.clone()),
                State::Connecting(attempt) => attempt.clone(),
                State::Idle | State::Open(_) | State::Resting(..) => {
                    // Weak, because the task lies in the line and must not keep it.
                    let settling = Arc::downgrade(&self.line);
                    let attempt = self.connector.connect(&mut line.tasks, move |outcome| {
                        if let Some(line) = settling.upgrade() {
                            line.lock().settle(outcome);
                        }
                    });
                    line.state = State::Connecting(attempt.clone());
                    attempt
                }
            };
            match &line.failure {
                Some(failure) if !self.patient => return Err(failure.clone()),
                _ => attempt,
            }
        };
        attempt.await
    }
}

impl Line {
    fn settle(&mut self, outcome: &Result<Connection>) {
        self.state = match outcome {
            Ok(connection) => {
                self.failures = 0;
                self.failure = None;
                State::Open(connection.clone())
            }
            Err(error) => {
                let rest = FIRST_REST.saturating_mul(1 << self.failures.min(10)).min(LONGEST_REST);
                self.failures = self.failures.saturating_add(1);
                self.failure = Some(error.clone());
                State::Resting(error.clone(), Clock::System.now().after(rest))
            }
        };
    }
}
