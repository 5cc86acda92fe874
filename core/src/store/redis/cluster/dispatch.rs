//! Sends a pipeline through a cluster: one batch for each node, round after round, until every
//! command has an outcome.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Cmd, Pipeline, ServerError, Value};

use super::node::Node;
use super::request::{ReplyKind, Route, RoutedCommand};
use super::topology::Topology;
use crate::backoff::Backoff;
use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::config::RedisAddress;
use crate::store::redis::retry::RetryBudget;

/// The first rounds follow each other at once; then there is a pause before each round.
const IMMEDIATE_ROUNDS: u32 = 3;
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(200));
/// The most rounds, for commands that nodes keep redirecting.
const MAX_ROUNDS: u32 = 100;
/// How often a command may fail while no node has replied at all, whatever its budget.
const MAX_FAILURES_WITHOUT_REPLY: u32 = 6;

/// A pipeline being dispatched.
pub(crate) struct Dispatch<'a> {
    topology: &'a Topology,
    operation: &'a str,
    budget: &'a RetryBudget,
    commands: Vec<RoutedCommand<'a>>,
    /// Owners that were reported in this round: slot and address.
    moved: Vec<(u16, RedisAddress)>,
    /// Whether any node has replied.
    has_reply: bool,
    /// Whether any node has replied that could serve a command, or knew which node can.
    has_usable_reply: bool,
}

/// Identifies a batch: commands for the same node are sent together only in the same mode.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct NodeKey {
    address: RedisAddress,
    mode: Mode,
}

/// Why a command goes to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    /// The node serves the slot.
    Normal,
    /// The node is importing the slot: each command follows an `ASKING`.
    Asking,
    /// No better node is known. If this one executes the command, it owns the slot.
    Fallback,
}

/// Commands that go to one node together.
struct NodeBatch {
    node: Arc<Node>,
    mode: Mode,
    /// Indexes into [`Dispatch::commands`].
    commands: Vec<usize>,
}

impl<'a> Dispatch<'a> {
    /// Prepares to send commands, each with the slot of its key.
    pub(crate) fn new(
        topology: &'a Topology,
        operation: &'a str,
        budget: &'a RetryBudget,
        commands: impl Iterator<Item = (&'a Cmd, u16)>,
    ) -> Self {
        let commands = commands.map(|(command, slot)| RoutedCommand::new(command, slot)).collect();
        Self {
            topology,
            operation,
            budget,
            commands,
            moved: Vec::new(),
            has_reply: false,
            has_usable_reply: false,
        }
    }

    /// Runs rounds until every command is done, or the budget is exhausted.
    ///
    /// # Errors
    /// The outer error means that no node could serve any command. An inner error concerns its
    /// command only.
    pub(crate) async fn run(mut self) -> Result<Vec<Result<Value>>> {
        let deadline = Clock::System.now().after(self.budget.total_timeout);
        for round in 1..=MAX_ROUNDS {
            let left = deadline.since(Clock::System.now());
            if left.is_zero() {
                break;
            }
            self.run_round(self.budget.reply_timeout.min(left)).await;
            if self.commands.iter().all(|command| self.is_over(command)) {
                break;
            }
            if round >= IMMEDIATE_ROUNDS {
                self.sleep(BACKOFF.equal_jitter(round - IMMEDIATE_ROUNDS), deadline).await;
            }
        }
        self.into_outcomes()
    }

    /// Sends every command that is not done to its node, and records the replies.
    async fn run_round(&mut self, timeout: Duration) {
        let operation = self.operation;
        let calls = self.route().await.into_iter().map(|batch| {
            let pipeline = batch.pipeline(&self.commands);
            async move { (batch.node.execute(operation, &pipeline, timeout).await, batch) }
        });
        for (replies, batch) in join_all(calls).await {
            self.on_replies(replies, &batch);
        }
        self.topology.update_owners(&std::mem::take(&mut self.moved)).await;
    }

    async fn sleep(&self, pause: Duration, deadline: Moment) {
        let left = deadline.since(Clock::System.now());
        self.topology.connector().sleep(pause.min(left)).await;
    }

    fn is_over(&self, command: &RoutedCommand<'_>) -> bool {
        command.is_done() || (!self.has_reply && command.failures >= MAX_FAILURES_WITHOUT_REPLY)
    }

    fn into_outcomes(self) -> Result<Vec<Result<Value>>> {
        let config = self.topology.config();
        let never_sent =
            || config.error(ErrorKind::StoreTimeout, self.operation, "timed out before it was sent");
        let outcomes: Vec<Result<Value>> = self
            .commands
            .into_iter()
            .map(|command| command.into_outcome().unwrap_or_else(|| Err(never_sent())))
            .collect();
        match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
            Some(e) if !self.has_usable_reply => Err(e.clone()),
            _ => Ok(outcomes),
        }
    }

    /// Groups the commands that are not done by node. A command without a node fails.
    async fn route(&mut self) -> Vec<NodeBatch> {
        let mut batches = BTreeMap::new();
        let mut without_node = Vec::new();
        let mut avoid = Vec::new();
        for (index, command) in self.commands.iter_mut().enumerate() {
            if command.is_done() {
                continue;
            }
            let (route, node) = self.topology.resolve(&command.route, command.slot);
            if let Route::AnyExcept(address) = &route {
                avoid.push(address.clone());
            }
            let mode = if matches!(route, Route::Asking(_)) { Mode::Asking } else { Mode::Normal };
            command.route = route;
            match node {
                Some(node) => add_to_batch(&mut batches, node, mode, index),
                None => without_node.push(index),
            }
        }
        if !without_node.is_empty() {
            match self.topology.any_node(&avoid).await {
                Ok(fallback_node) => {
                    for index in without_node {
                        add_to_batch(&mut batches, fallback_node.clone(), Mode::Fallback, index);
                    }
                }
                Err(e) => {
                    for index in without_node {
                        self.commands[index].on_error(e.clone(), None, self.budget);
                    }
                }
            }
        }
        batches.into_values().collect()
    }

    /// Records the replies of a node, or that it failed.
    fn on_replies(&mut self, replies: Result<Vec<Value>>, batch: &NodeBatch) {
        let address = &batch.node.address;
        let mut replies = match replies {
            Ok(replies) => replies.into_iter(),
            Err(e) => {
                for index in &batch.commands {
                    self.commands[*index].on_error(e.clone(), Some(address), self.budget);
                }
                return;
            }
        };
        self.has_reply = true;
        let context = self.topology.config().error_at(address);
        let to_error = |e: &ServerError| -> Error {
            if batch.mode == Mode::Asking {
                context.server_error(&format!("{} in a slot that is being moved", self.operation), e)
            } else {
                context.server_error(self.operation, e)
            }
        };
        for index in &batch.commands {
            let asking_reply = if batch.mode == Mode::Asking { replies.next() } else { None };
            let command_reply = replies.next().unwrap_or_default();
            let reply = match asking_reply {
                Some(error @ Value::ServerError(_)) => error,
                _ => command_reply,
            };
            let command = &mut self.commands[*index];
            match command.on_reply(reply, address, to_error, self.budget) {
                ReplyKind::Unavailable => continue,
                ReplyKind::Moved(owner) => self.moved.push((command.slot, owner)),
                ReplyKind::Final if batch.mode == Mode::Fallback => {
                    self.moved.push((command.slot, address.clone()));
                }
                ReplyKind::Final | ReplyKind::Ask => {}
            }
            self.has_usable_reply = true;
        }
    }
}

fn add_to_batch(batches: &mut BTreeMap<NodeKey, NodeBatch>, node: Arc<Node>, mode: Mode, index: usize) {
    let key = NodeKey { address: node.address.clone(), mode };
    batches.entry(key).or_insert(NodeBatch { node, mode, commands: Vec::new() }).commands.push(index);
}

impl NodeBatch {
    fn pipeline(&self, commands: &[RoutedCommand<'_>]) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(self.commands.len());
        for index in &self.commands {
            if self.mode == Mode::Asking {
                pipeline.cmd("ASKING");
            }
            pipeline.add_command(commands[*index].command.clone());
        }
        pipeline
    }
}
