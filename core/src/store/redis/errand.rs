//! A command under way to the node that has its key.

use std::time::Duration;

use redis::{Cmd, Value};

use super::config::{RedisAddress, RedisConfig};
use super::slots::redirection;
use crate::error::{Error, Result};

/// How often nodes may point elsewhere before that counts as a failure.
const HOPS: u32 = 5;

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

/// Where a command is to be tried next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Route {
    /// A replica, if the slot's master has any that may be read.
    Any,
    /// The slot's master, as far as is known.
    Owner,
    /// Somebody else, who may know better: that one did not answer.
    NotTo(RedisAddress),
    /// That node, which is just taking over the slot.
    Asking(RedisAddress),
}

/// A command, and how it fares.
pub(super) struct Errand<'a> {
    pub(super) command: &'a Cmd,
    pub(super) slot: u16,
    pub(super) route: Route,
    pub(super) failures: u32,
    hops: u32,
    outcome: Option<Result<Value>>,
    is_done: bool,
}

/// What a reply told of the cluster.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The node carried it out, or says why it does not.
    Answer,
    /// The node sends it on, this once.
    SentOn,
    /// The node says who owns the slot.
    Moved(RedisAddress),
    /// The node is none that can tell.
    Nothing,
}

impl<'a> Errand<'a> {
    /// Begins with a command, and the slot of its key.
    pub(super) fn new(command: &'a Cmd, slot: u16) -> Self {
        Self { command, slot, route: Route::Any, failures: 0, hops: 0, outcome: None, is_done: false }
    }

    /// Returns whether there is nothing more to try.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Hears that a node did not answer, or that there is none.
    pub(super) fn fail(&mut self, error: Error, node: Option<&RedisAddress>, patience: &Patience) {
        // For a replica, its master can stand in.
        self.failures += u32::from(self.route != Route::Any);
        self.route = match (&self.route, node) {
            (Route::Any, _) | (_, None) => Route::Owner,
            (_, Some(node)) => Route::NotTo(node.clone()),
        };
        self.outcome = Some(Err(error));
        self.is_done = self.failures >= patience.failures;
    }

    /// Hears a node's reply.
    pub(super) fn hear(
        &mut self,
        reply: Value,
        node: &RedisAddress,
        refusal: impl Fn(&redis::ServerError) -> Error,
        patience: &Patience,
    ) -> News {
        let Value::ServerError(error) = &reply else { return self.finish(reply) };
        let details = error.details().unwrap_or_default();
        match (error.code(), redirection(details, node)) {
            ("MOVED", Some(owner)) => {
                self.redirect(refusal(error), Route::Owner, patience);
                News::Moved(owner)
            }
            ("ASK", Some(next)) => {
                self.redirect(refusal(error), Route::Asking(next), patience);
                News::SentOn
            }
            // Whoever may not ask for a key on its way must wait until it has arrived.
            ("NOPERM", _) if matches!(self.route, Route::Asking(_)) => {
                self.fail(refusal(error), None, patience);
                self.is_done |= patience.failures < u32::MAX;
                News::SentOn
            }
            ("TRYAGAIN" | "CLUSTERDOWN", _) => {
                self.fail(refusal(error), None, patience);
                News::Nothing
            }
            ("LOADING" | "MASTERDOWN" | "READONLY", _) => {
                self.fail(refusal(error), Some(node), patience);
                News::Nothing
            }
            _ => self.finish(reply),
        }
    }

    fn redirect(&mut self, refusal: Error, route: Route, patience: &Patience) {
        self.hops += 1;
        if self.hops > HOPS {
            self.fail(refusal.clone(), None, patience);
        }
        self.outcome = Some(Err(refusal));
        self.route = route;
    }

    fn finish(&mut self, reply: Value) -> News {
        self.outcome = Some(Ok(reply));
        self.is_done = true;
        News::Answer
    }

    /// Returns the reply, or why there is none.
    pub(super) fn into_outcome(self, never: impl Fn() -> Error) -> Result<Value> {
        self.outcome.unwrap_or_else(|| Err(never()))
    }
}
