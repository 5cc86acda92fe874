//! One connection to a server: sends pipelines, and detects that the connection must be replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};

use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Elapsed, Runtime};
use crate::store::redis::config::{RedisAddress, RedisConfig};
use crate::store::redis::error::ErrorContext;

/// An open connection. Clones share it, and their commands are interleaved.
#[derive(Clone)]
pub(crate) struct Connection {
    redis: MultiplexedConnection,
    address: Arc<RedisAddress>,
    config: Arc<RedisConfig>,
    runtime: Arc<Runtime>,
    health: Arc<Health>,
}

/// Moments are nanoseconds of the system clock.
#[derive(Default)]
struct Health {
    is_broken: AtomicBool,
    /// Whether it is broken because replies ceased.
    has_timed_out: AtomicBool,
    last_reply: AtomicU64,
    /// The latest moment for the reply to the oldest command that was sent after `last_reply`; 0 =
    /// no such command. It stays even if the caller of that command has given up.
    reply_due: AtomicU64,
}

impl Connection {
    pub(crate) fn new(
        redis: MultiplexedConnection,
        address: RedisAddress,
        config: Arc<RedisConfig>,
        runtime: Arc<Runtime>,
    ) -> Self {
        Self { redis, address: Arc::new(address), config, runtime, health: Arc::default() }
    }

    /// Marks the connection as broken, so that the next caller replaces it.
    pub(crate) fn mark_broken(&self) {
        self.health.is_broken.store(true, Ordering::Release);
    }

    /// Returns whether the connection must be replaced: it failed, or a reply is overdue.
    pub(crate) fn is_broken(&self) -> bool {
        let due = self.health.reply_due.load(Ordering::Acquire);
        let is_overdue = || due != 0 && Clock::System.now() > Moment::from_nanos(due);
        self.health.is_broken.load(Ordering::Acquire) || is_overdue()
    }

    /// Returns the address of the server.
    pub(crate) fn address(&self) -> &RedisAddress {
        &self.address
    }

    /// Creates errors that name the server.
    pub(crate) fn error_context(&self) -> ErrorContext<'_> {
        self.config.error_at(&*self.address)
    }

    /// Returns an error if replies ceased: a new connection would probably time out as well.
    pub(crate) fn timeout_error(&self) -> Option<Error> {
        if !self.health.has_timed_out.load(Ordering::Acquire) {
            return None;
        }
        let context = self.error_context();
        Some(context.error(ErrorKind::StoreTimeout, "waiting for replies", "no reply in time"))
    }

    /// Sends a pipeline and returns one reply for each command; a reply may be an error.
    ///
    /// # Errors
    /// The connection failed or timed out. The commands may have been executed nevertheless.
    pub(crate) async fn execute(
        &self,
        operation: &str,
        commands: &Pipeline,
        timeout: Duration,
    ) -> Result<Vec<Value>> {
        let clock = &Clock::System;
        let began = clock.now();
        let due = began.after(timeout);
        // Fails if an older command has no reply yet; its due moment stays.
        let _ = self.health.reply_due.compare_exchange(0, due.nanos(), Ordering::AcqRel, Ordering::Acquire);
        let mut redis = self.redis.clone();
        let call = redis.send_packed_commands(commands, 0, commands.len());
        match self.runtime.deadline(clock, due, call).await {
            Ok(Ok(replies)) => {
                self.health.last_reply.store(clock.now().nanos(), Ordering::Release);
                self.health.reply_due.store(0, Ordering::Release);
                Ok(replies)
            }
            Ok(Err(e)) => {
                self.mark_broken();
                Err(self.error_context().connection_error(operation, &e))
            }
            Err(Elapsed) => {
                // One slow reply does not break a connection on which other commands are answered.
                if Moment::from_nanos(self.health.last_reply.load(Ordering::Acquire)) < began {
                    self.health.has_timed_out.store(true, Ordering::Release);
                    self.mark_broken();
                }
                let message = format!("no reply within {timeout:?}");
                Err(self.error_context().error(ErrorKind::StoreTimeout, operation, &message))
            }
        }
    }
}
