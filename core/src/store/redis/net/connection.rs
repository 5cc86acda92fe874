//! One connection to a server: how commands and replies are exchanged on it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisResult, Value};

use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Runtime;
use crate::store::redis::config::{RedisAddress, RedisConfig};
use crate::store::redis::error::Site;

/// An open connection; clones share it, and their commands mix.
#[derive(Clone)]
pub(crate) struct Connection {
    redis: MultiplexedConnection,
    address: Arc<RedisAddress>,
    config: Arc<RedisConfig>,
    runtime: Arc<Runtime>,
    health: Arc<Health>,
}

#[derive(Default)]
struct Health {
    broken: AtomicBool,
    /// Whether it is broken because nothing was heard any more.
    silent: AtomicBool,
    /// When the last reply came.
    heard: AtomicU64,
    /// When the first question since then is to be answered; 0 = there was none. Whoever asked may have given up long ago.
    due: AtomicU64,
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

    /// Gives it up: whoever comes next makes another.
    pub(crate) fn give_up(&self) {
        self.health.broken.store(true, Ordering::Release);
    }

    /// Returns whether it must be replaced: it failed, or has been silent for too long.
    pub(crate) fn is_broken(&self) -> bool {
        let due = self.health.due.load(Ordering::Acquire);
        let is_silent = || due != 0 && Clock::System.now() > Moment::from_nanos(due);
        self.health.broken.load(Ordering::Acquire) || is_silent()
    }

    /// Returns where the server is.
    pub(crate) fn address(&self) -> &RedisAddress {
        &self.address
    }

    /// Names the server, for those who put into words what happened there.
    pub(crate) fn site(&self) -> Site<'_> {
        self.config.at(&*self.address)
    }

    /// Says what is wrong, if it is that nothing is heard any more: a new connection would probably be as silent.
    pub(crate) fn silence(&self) -> Option<Error> {
        let silent = self.health.silent.load(Ordering::Acquire);
        silent.then(|| {
            let what = "there was no answer in time";
            self.site().error(ErrorKind::StoreTimeout, "waiting for replies", what)
        })
    }

    /// Sends commands together and returns one reply for each; a reply may be an error.
    ///
    /// # Errors
    /// The connection failed, or there was no answer in time; commands may have been carried out all the same.
    pub(crate) async fn exchange(
        &self,
        doing: &str,
        commands: &Pipeline,
        patience: Duration,
    ) -> Result<Vec<Value>> {
        let clock = &Clock::System;
        let began = clock.now();
        let due = began.after(patience);
        // Fails when somebody else waits already, and longer.
        let _ = self.health.due.compare_exchange(0, due.nanos(), Ordering::AcqRel, Ordering::Acquire);
        let mut redis = self.redis.clone();
        let call = redis.send_packed_commands(commands, 0, commands.len());
        match in_time(call, self.runtime.sleep_until(clock, due)).await {
            Some(Ok(replies)) => {
                self.health.heard.store(clock.now().nanos(), Ordering::Release);
                self.health.due.store(0, Ordering::Release);
                Ok(replies)
            }
            Some(Err(e)) => {
                self.health.broken.store(true, Ordering::Release);
                Err(self.site().failure(doing, &e))
            }
            None => {
                // A slow reply alone does not condemn a connection on which others are answered.
                if Moment::from_nanos(self.health.heard.load(Ordering::Acquire)) < began {
                    self.health.silent.store(true, Ordering::Release);
                    self.health.broken.store(true, Ordering::Release);
                }
                let what = format!("there was no answer within {patience:?}");
                Err(self.site().error(ErrorKind::StoreTimeout, doing, &what))
            }
        }
    }
}

async fn in_time<T>(
    call: impl Future<Output = RedisResult<T>>,
    alarm: impl Future<Output = ()>,
) -> Option<RedisResult<T>> {
    match select(pin!(call), pin!(alarm)).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}
