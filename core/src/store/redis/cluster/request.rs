//! A command under way to the node that has its key.

use redis::{Cmd, Value};

use super::slot_map::redirection;
use crate::error::{Error, Result};
use crate::store::redis::config::RedisAddress;
use crate::store::redis::retry::Patience;

/// How often nodes may point elsewhere before that counts as a failure.
const HOPS: u32 = 5;

/// Where a command is to be tried next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Route {
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
pub(crate) struct Errand<'a> {
    pub(crate) command: &'a Cmd,
    pub(crate) slot: u16,
    pub(crate) route: Route,
    pub(crate) failures: u32,
    hops: u32,
    outcome: Option<Result<Value>>,
    is_done: bool,
}

/// What a reply told of the cluster.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
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
    pub(crate) fn new(command: &'a Cmd, slot: u16) -> Self {
        Self { command, slot, route: Route::Any, failures: 0, hops: 0, outcome: None, is_done: false }
    }

    /// Returns whether there is nothing more to try.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Hears that a node did not answer, or that there is none.
    pub(crate) fn fail(&mut self, error: Error, node: Option<&RedisAddress>, patience: &Patience) {
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
    pub(crate) fn hear(
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
    pub(crate) fn into_outcome(self, never: impl Fn() -> Error) -> Result<Value> {
        self.outcome.unwrap_or_else(|| Err(never()))
    }
}
