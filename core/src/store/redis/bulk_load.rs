//! Writes whole lists, in pipelines of which several are under way at once.

use std::collections::VecDeque;
use std::sync::Arc;

use redis::{Cmd, Pipeline, Value};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::client::Servers;
use super::keys::Keys;
use super::retry::Patience;
use super::scanner::Walk;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;
use crate::store::{LoadEntry, LoadPlan, LoadReport, LoadSource};

/// How many memberships are sent together.
const BATCH: usize = 2048;
/// How many batches are under way at once: while the server works on one, the next is being prepared.
const BATCHES_AT_ONCE: usize = 4;
/// How many refs one command holds.
const REFS: usize = 1000;

const LOADING: &str = "loading a list";
const FORGETTING: &str = "forgetting a segment's members";

/// Forgets the members of the segment to be replaced, then writes the list; does not mark the store.
pub(super) fn load(
    servers: &Arc<Servers>,
    keys: &Keys,
    plan: &LoadPlan,
    contexts: &mut dyn LoadSource,
    progress: &mut dyn FnMut(u64),
) -> Result<LoadReport> {
    let replaced = plan.replace.as_ref().map_or(Ok(0), |segment| forget(servers, keys, segment))?;
    let mut report = LoadReport { contexts: 0, replaced };
    let mut flow = Flow::new(servers);
    let (mut commands, mut memberships, mut entries) = (Pipeline::new(), 0, Vec::new());
    while let Some(hash) = contexts.next(&mut entries)? {
        write(&mut commands, keys, hash, &entries, &plan.refs);
        report.contexts += 1;
        memberships += entries.len();
        if memberships >= BATCH {
            flow.send(std::mem::take(&mut commands), report.contexts);
            memberships = 0;
            while flow.under_way() >= BATCHES_AT_ONCE {
                progress(flow.land()?);
            }
        }
    }
    if !commands.is_empty() {
        flow.send(commands, report.contexts);
    }
    while flow.under_way() > 0 {
        progress(flow.land()?);
    }
    progress(report.contexts);
    Ok(report)
}

/// Batches under way, in the order in which they were sent.
struct Flow<'a> {
    servers: &'a Arc<Servers>,
    tasks: JoinSet<()>,
    batches: VecDeque<(u64, oneshot::Receiver<Result<()>>)>,
}

impl<'a> Flow<'a> {
    fn new(servers: &'a Arc<Servers>) -> Self {
        Self { servers, tasks: JoinSet::new(), batches: VecDeque::new() }
    }

    fn under_way(&self) -> usize {
        self.batches.len()
    }

    /// Sends a batch, with which so many contexts will have been written.
    fn send(&mut self, commands: Pipeline, contexts: u64) {
        let (sender, receiver) = oneshot::channel();
        let servers = self.servers.clone();
        while self.tasks.try_join_next().is_some() {}
        self.servers.connector().spawn_in(&mut self.tasks, async move {
            let patience = Patience::of_writer(servers.config());
            let outcome = servers.ask_all(LOADING, &commands, &patience).await.map(drop);
            // Fails when the load was given up.
            let _ = sender.send(outcome);
        });
        self.batches.push_back((contexts, receiver));
    }

    /// Waits for the batch that was sent first; returns how many contexts have been written with it.
    fn land(&mut self) -> Result<u64> {
        let Some((contexts, batch)) = self.batches.pop_front() else { return Ok(0) };
        let lost = |_| Error::new(ErrorKind::Internal, "a batch of the list was lost on its way");
        pollster::block_on(batch).map_err(lost)?.map(|()| contexts)
    }
}

/// Writes one context: what it joins, and that it leaves the opposite list. Included wins over excluded.
fn write(
    commands: &mut Pipeline,
    keys: &Keys,
    hash: ContextHash,
    entries: &[LoadEntry],
    refs: &[SegmentRef],
) {
    let is_included = |segment| entries.contains(&LoadEntry { segment, excluded: false });
    let (include, exclude) = (keys.include(hash), keys.exclude(hash));
    for (excluded, joins, leaves) in [(false, &include, &exclude), (true, &exclude, &include)] {
        let segments: Vec<&str> = entries
            .iter()
            .filter(|entry| entry.excluded == excluded && !(excluded && is_included(entry.segment)))
            .map(|entry| refs[entry.segment as usize].as_str())
            .collect();
        for segments in segments.chunks(REFS) {
            for (name, key) in [("SADD", joins), ("SREM", leaves)] {
                let bytes =
                    name.len() + key.len() + segments.iter().map(|segment| segment.len()).sum::<usize>();
                let mut command = Cmd::with_capacity(2 + segments.len(), bytes);
                command.arg(name).arg(key).arg(segments);
                commands.add_command(command);
            }
        }
    }
}

/// Takes everybody out of a segment; returns how many contexts were in it.
fn forget(servers: &Servers, keys: &Keys, segment: &SegmentRef) -> Result<u64> {
    let patience = Patience::of_writer(servers.config());
    let mut forgotten = 0;
    let mut walk = Walk::begin(servers, keys)?;
    while let Some(found) = walk.step()? {
        let mut commands = Pipeline::new();
        for (hash, _) in &found {
            commands.cmd("SREM").arg(keys.include(*hash)).arg(segment.as_str());
            commands.cmd("SREM").arg(keys.exclude(*hash)).arg(segment.as_str());
        }
        if !found.is_empty() {
            let replies = pollster::block_on(servers.ask_all(FORGETTING, &commands, &patience))?;
            let removed = |pair: &&[Value]| pair.contains(&Value::Int(1));
            forgotten += replies.chunks_exact(2).filter(removed).count() as u64;
        }
    }
    Ok(forgotten)
}
