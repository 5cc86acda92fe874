//! Writes whole lists, in pipelines.

use redis::{Pipeline, Value};

use super::keys::Keys;
use super::scanner::step;
use super::session::Session;
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::segment_ref::SegmentRef;
use crate::store::{LoadEntry, LoadPlan, LoadReport, LoadSource};

/// How many memberships are sent before their replies are read.
const BATCH: usize = 4096;
/// How many refs one command holds.
const REFS: usize = 1000;

const LOADING: &str = "loading a list";
const FORGETTING: &str = "forgetting a segment's members";

/// Forgets the members of the segment to be replaced, then writes the list; does not mark the store.
pub(super) fn load(
    session: &mut Session,
    keys: &Keys,
    plan: &LoadPlan,
    contexts: &mut dyn LoadSource,
    progress: &mut dyn FnMut(u64),
) -> Result<LoadReport> {
    let replaced = plan.replace.as_ref().map_or(Ok(0), |segment| forget(session, keys, segment))?;
    let mut report = LoadReport { contexts: 0, replaced };
    let (mut commands, mut memberships, mut entries) = (Pipeline::new(), 0, Vec::new());
    while let Some(hash) = contexts.next(&mut entries)? {
        write(&mut commands, keys, hash, &entries, &plan.refs);
        report.contexts += 1;
        memberships += entries.len();
        if memberships >= BATCH {
            session.exchange_all(LOADING, &commands)?;
            commands = Pipeline::new();
            memberships = 0;
            progress(report.contexts);
        }
    }
    if !commands.is_empty() {
        session.exchange_all(LOADING, &commands)?;
    }
    progress(report.contexts);
    Ok(report)
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
            commands.cmd("SADD").arg(joins).arg(segments);
            commands.cmd("SREM").arg(leaves).arg(segments);
        }
    }
}

/// Takes everybody out of a segment; returns how many contexts were in it.
fn forget(session: &mut Session, keys: &Keys, segment: &SegmentRef) -> Result<u64> {
    let mut forgotten = 0;
    let mut position = None;
    while let Some((next, found)) = step(session, keys, position)? {
        let mut commands = Pipeline::new();
        for (hash, _) in &found {
            commands.cmd("SREM").arg(keys.include(*hash)).arg(segment.as_str());
            commands.cmd("SREM").arg(keys.exclude(*hash)).arg(segment.as_str());
        }
        if !found.is_empty() {
            let replies = session.exchange_all(FORGETTING, &commands)?;
            let removed = |pair: &&[Value]| pair.contains(&Value::Int(1));
            forgotten += replies.chunks_exact(2).filter(removed).count() as u64;
        }
        position = Some(next);
    }
    Ok(forgotten)
}
