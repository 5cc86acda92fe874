//! How long a command waits for its reply, and how often it is tried.

use std::time::Duration;

use super::config::RedisConfig;

/// How long to wait, and how often to try.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a reply of one server.
    pub(super) reply: Duration,
    /// For all of it, with whatever detours it takes.
    pub(super) whole: Duration,
    /// How often a command may fail that another node might carry out.
    pub(super) failures: u32,
}

impl Patience {
    /// A reader has somebody waiting. The second failure comes from the node that the others say it must be.
    pub(super) fn of_reader(config: &RedisConfig) -> Self {
        Self { reply: config.response_timeout, whole: 3 * config.response_timeout / 2, failures: 2 }
    }

    /// A writer would rather see the end of a failover.
    pub(super) fn of_writer(config: &RedisConfig) -> Self {
        let reply = config.response_timeout.max(RedisConfig::WRITER_PATIENCE);
        Self { reply, whole: 3 * reply, failures: u32::MAX }
    }
}
