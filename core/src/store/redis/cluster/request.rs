//! A routed command: its current route, its failures and redirects, and its outcome.

use redis::{Cmd, ServerError, Value};

use super::slot_map::parse_redirect;
use crate::error::{Error, Result};
use crate::store::redis::config::RedisAddress;
use crate::store::redis::retry::RetryBudget;

/// After so many redirects, each further one counts as a failure.
const MAX_REDIRECTS: u32 = 5;

/// The node that a command is sent to next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Route {
    /// A replica of the slot's owner if replicas may be read, otherwise the owner.
    ReplicaOrOwner,
    /// The owner of the slot.
    Owner,
    /// Any node but this one, which did not reply.
    AnyExcept(RedisAddress),
    /// This node, which is importing the slot: the command follows an `ASKING`.
    Asking(RedisAddress),
}

/// A command being routed, with its retry state.
pub(crate) struct RoutedCommand<'a> {
    pub(crate) command: &'a Cmd,
    pub(crate) slot: u16,
    pub(crate) route: Route,
    pub(crate) failures: u32,
    redirects: u32,
    outcome: Option<Result<Value>>,
    is_done: bool,
}

/// What a reply means for the routing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReplyKind {
    /// The node executed the command, or rejected it for good.
    Final,
    /// The node redirects this command once; the owner of the slot stays.
    Ask,
    /// The node reports another owner of the slot.
    Moved(RedisAddress),
    /// The node cannot serve the command at the moment.
    Unavailable,
}

impl<'a> RoutedCommand<'a> {
    pub(crate) fn new(command: &'a Cmd, slot: u16) -> Self {
        Self {
            command,
            slot,
            route: Route::ReplicaOrOwner,
            failures: 0,
            redirects: 0,
            outcome: None,
            is_done: false,
        }
    }

    /// Returns whether the outcome is final.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Records that a node failed, or that there was no node to send to.
    pub(crate) fn on_error(&mut self, error: Error, node: Option<&RedisAddress>, budget: &RetryBudget) {
        // The failure of a replica is free, because the master serves as well.
        if self.route != Route::ReplicaOrOwner {
            self.failures += 1;
        }
        self.route = match (&self.route, node) {
            (Route::ReplicaOrOwner, _) | (_, None) => Route::Owner,
            (_, Some(node)) => Route::AnyExcept(node.clone()),
        };
        self.outcome = Some(Err(error));
        self.is_done = budget.is_exhausted(self.failures);
    }

    /// Records the reply of a node. `to_error` converts an error reply.
    pub(crate) fn on_reply(
        &mut self,
        reply: Value,
        node: &RedisAddress,
        to_error: impl Fn(&ServerError) -> Error,
        budget: &RetryBudget,
    ) -> ReplyKind {
        let Value::ServerError(error) = &reply else { return self.finish(reply) };
        let details = error.details().unwrap_or_default();
        match (error.code(), parse_redirect(details, node)) {
            ("MOVED", Some(owner)) => {
                self.redirect(to_error(error), Route::Owner, budget);
                ReplyKind::Moved(owner)
            }
            ("ASK", Some(importer)) => {
                self.redirect(to_error(error), Route::Asking(importer), budget);
                ReplyKind::Ask
            }
            // Without the permission for ASKING, the command has to wait until the slot has moved.
            // A reader does not.
            ("NOPERM", _) if matches!(self.route, Route::Asking(_)) => {
                self.on_error(to_error(error), None, budget);
                self.is_done |= budget.max_failures.is_some();
                ReplyKind::Ask
            }
            ("TRYAGAIN" | "CLUSTERDOWN", _) => {
                self.on_error(to_error(error), None, budget);
                ReplyKind::Unavailable
            }
            ("LOADING" | "MASTERDOWN" | "READONLY", _) => {
                self.on_error(to_error(error), Some(node), budget);
                ReplyKind::Unavailable
            }
            _ => self.finish(reply),
        }
    }

    fn redirect(&mut self, error: Error, route: Route, budget: &RetryBudget) {
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            self.on_error(error.clone(), None, budget);
        }
        self.outcome = Some(Err(error));
        self.route = route;
    }

    fn finish(&mut self, reply: Value) -> ReplyKind {
        self.outcome = Some(Ok(reply));
        self.is_done = true;
        ReplyKind::Final
    }

    /// Returns the reply, or the last error; `None` if the command was never sent.
    pub(crate) fn into_outcome(self) -> Option<Result<Value>> {
        self.outcome
    }
}
