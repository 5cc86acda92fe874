//! Bulk load: writes a whole list in pipelines, several of which are in flight at once.

use std::collections::VecDeque;
use std::sync::Arc;

use redis::{Cmd, Pipeline, Value};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::client::RedisClient;
use super::keys::Keys;
use super::retry::RetryBudget;
use super::scanner::KeyScan;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;
use crate::store::{Entry, LoadEntry, LoadPlan, LoadReport, LoadSource, effective_segments};

/// The number of memberships in one pipeline.
const MEMBERSHIPS_PER_BATCH: usize = 2048;
/// The most pipelines in flight: while the server executes one, the next is prepared.
const MAX_IN_FLIGHT: usize = 4;
/// The most segment refs in one command.
const REFS_PER_COMMAND: usize = 1000;

const LOADING: &str = "loading a list";
const REMOVING_SEGMENT: &str = "removing the members of a segment";

/// Removes the members of the segment to replace, then writes the list. Does not set the sync time.
pub(super) fn load(
    client: &Arc<RedisClient>,
    keys: &Keys,
    plan: &LoadPlan,
    contexts: &mut dyn LoadSource,
    progress: &mut dyn FnMut(u64),
) -> Result<LoadReport> {
    let replaced = match &plan.replace {
        Some(segment) => remove_segment(client, keys, segment)?,
        None => 0,
    };
    let mut report = LoadReport { contexts: 0, replaced };
    let mut queue = BatchQueue::new(client);
    let mut commands = Pipeline::new();
    let mut memberships = 0;
    let mut entries = Vec::new();
    while let Some(hash) = contexts.next(&mut entries)? {
        add_context(&mut commands, keys, hash, &entries, &plan.refs);
        report.contexts += 1;
        memberships += entries.len();
        if memberships >= MEMBERSHIPS_PER_BATCH {
            queue.send(std::mem::take(&mut commands), report.contexts);
            memberships = 0;
            while queue.in_flight() >= MAX_IN_FLIGHT {
                progress(queue.wait_for_oldest()?);
            }
        }
    }
    if !commands.is_empty() {
        queue.send(commands, report.contexts);
    }
    while queue.in_flight() > 0 {
        progress(queue.wait_for_oldest()?);
    }
    progress(report.contexts);
    Ok(report)
}

/// Pipelines in flight, in the order in which they were sent.
struct BatchQueue<'a> {
    client: &'a Arc<RedisClient>,
    tasks: JoinSet<()>,
    batches: VecDeque<Batch>,
}

struct Batch {
    /// How many contexts are written when this batch is.
    contexts: u64,
    outcome: oneshot::Receiver<Result<()>>,
}

impl<'a> BatchQueue<'a> {
    fn new(client: &'a Arc<RedisClient>) -> Self {
        Self { client, tasks: JoinSet::new(), batches: VecDeque::new() }
    }

    fn in_flight(&self) -> usize {
        self.batches.len()
    }

    fn send(&mut self, commands: Pipeline, contexts: u64) {
        let (sender, outcome) = oneshot::channel();
        let client = self.client.clone();
        while self.tasks.try_join_next().is_some() {}
        self.client.connector().spawn_in(&mut self.tasks, async move {
            let budget = RetryBudget::for_writer(client.config());
            let outcome = client.execute_checked(LOADING, &commands, &budget).await.map(drop);
            // Fails if the load was cancelled.
            let _ = sender.send(outcome);
        });
        self.batches.push_back(Batch { contexts, outcome });
    }

    /// Waits for the oldest batch. Returns how many contexts have been written by then.
    fn wait_for_oldest(&mut self) -> Result<u64> {
        let Some(batch) = self.batches.pop_front() else { return Ok(0) };
        match pollster::block_on(batch.outcome) {
            Ok(outcome) => outcome.map(|()| batch.contexts),
            Err(_) => {
                Err(Error::new(ErrorKind::Internal, "the task that writes a batch of the list ended early"))
            }
        }
    }
}

/// Adds a context to its sets, and removes it from the opposite ones. Included wins over excluded.
fn add_context(
    commands: &mut Pipeline,
    keys: &Keys,
    hash: ContextHash,
    entries: &[LoadEntry],
    refs: &[SegmentRef],
) {
    let include = keys.include(hash);
    let exclude = keys.exclude(hash);
    for (entry, add_key, remove_key) in
        [(Entry::Include, &include, &exclude), (Entry::Exclude, &exclude, &include)]
    {
        let segments: Vec<&str> = effective_segments(entries, entry, refs).map(SegmentRef::as_str).collect();
        for segments in segments.chunks(REFS_PER_COMMAND) {
            let length = segments.iter().map(|segment| segment.len()).sum::<usize>();
            for (name, key) in [("SADD", add_key), ("SREM", remove_key)] {
                let mut command = Cmd::with_capacity(2 + segments.len(), name.len() + key.len() + length);
                command.arg(name).arg(key).arg(segments);
                commands.add_command(command);
            }
        }
    }
}

/// Removes all members of a segment. Returns how many contexts it had.
fn remove_segment(client: &RedisClient, keys: &Keys, segment: &SegmentRef) -> Result<u64> {
    let budget = RetryBudget::for_writer(client.config());
    let mut removed = 0;
    let mut scan = KeyScan::start(client, keys)?;
    while let Some(found) = scan.next_page()? {
        let mut commands = Pipeline::new();
        for (hash, _) in &found {
            commands.cmd("SREM").arg(keys.include(*hash)).arg(segment.as_str());
            commands.cmd("SREM").arg(keys.exclude(*hash)).arg(segment.as_str());
        }
        if !found.is_empty() {
            let replies = pollster::block_on(client.execute_checked(REMOVING_SEGMENT, &commands, &budget))?;
            let was_member = |pair: &&[Value]| pair.contains(&Value::Int(1));
            removed += replies.chunks_exact(2).filter(was_member).count() as u64;
        }
    }
    Ok(removed)
}
