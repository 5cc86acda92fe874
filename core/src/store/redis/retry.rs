//! Timeouts of a command, and how often it is retried.

use std::time::Duration;

use super::config::RedisConfig;

/// Limits for one command or pipeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryBudget {
    /// The timeout of a reply from one server.
    pub(super) reply_timeout: Duration,
    /// The timeout of the whole operation, redirects and retries included.
    pub(super) total_timeout: Duration,
    /// How often a command may fail before its error is returned; `None` = until `total_timeout`.
    pub(super) max_failures: Option<u32>,
}

impl RetryBudget {
    /// Returns the budget of a reader, whose caller is waiting. The second attempt goes to the node
    /// that the other nodes report as the owner; if that fails, so does the command.
    pub(super) fn for_reader(config: &RedisConfig) -> Self {
        Self {
            reply_timeout: config.response_timeout,
            total_timeout: 3 * config.response_timeout / 2,
            max_failures: Some(2),
        }
    }

    /// Returns the budget of a writer, which retries long enough to outlast a failover.
    pub(super) fn for_writer(config: &RedisConfig) -> Self {
        let reply_timeout = config.writer_response_timeout();
        Self { reply_timeout, total_timeout: 3 * reply_timeout, max_failures: None }
    }

    /// Returns whether a command that failed so often must not be retried.
    pub(super) fn is_exhausted(&self, failures: u32) -> bool {
        self.max_failures.is_some_and(|max| failures >= max)
    }
}
