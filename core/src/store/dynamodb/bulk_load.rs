//! Writes whole lists, many updates at once, as fast as the table or a limit allows.

use std::ops::ControlFlow;
use std::sync::Arc;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::error::Doing;
use super::rate_limit::Pace;
use super::scanner::walk;
use super::schema::{EXCLUDED, INCLUDED, Item, hash, membership, set};
use super::writer::WritingSide;
use crate::clock::Clock;
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::segment_ref::SegmentRef;
use crate::store::{LoadEntry, LoadPlan, LoadSource};

/// How many updates are under way at once.
const UPDATES_AT_ONCE: usize = 64;
/// How many contexts are taken from the list before progress is reported.
const WAVE: usize = 1024;

const LOADING: Doing = Doing::new("loading a list", "UpdateItem");
const FORGETTING: Doing = Doing::new("forgetting a segment's members", "UpdateItem");

/// An update of one context: these refs join a list, and leave the opposite one.
struct Change {
    hash: ContextHash,
    excluded: bool,
    refs: Vec<SegmentRef>,
}

/// Loads lists.
pub(super) struct Loader {
    side: Arc<WritingSide>,
    pace: Pace,
}

impl Loader {
    pub(super) fn new(side: Arc<WritingSide>) -> Self {
        let pace = Pace::new(side.link.config.write_units_per_second);
        Self { side, pace }
    }

    /// Writes the list; returns how many contexts it has.
    pub(super) fn write(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64> {
        let (mut done, mut entries) = (0, Vec::new());
        loop {
            // The source and the listener are foreign code: they run here, with nothing under way.
            let mut wave = Vec::with_capacity(WAVE);
            while wave.len() < WAVE
                && let Some(hash) = contexts.next(&mut entries)?
            {
                wave.push(changes(hash, &entries, &plan.refs));
            }
            let is_last = wave.len() < WAVE;
            done += wave.len() as u64;
            self.run(wave.into_iter().map(|changes| self.change(changes)))?;
            progress(done);
            if is_last {
                return Ok(done);
            }
        }
    }

    /// Takes everybody out of a segment; returns how many contexts were in it.
    pub(super) fn forget(&self, segment: &SegmentRef) -> Result<u64> {
        let mut forgotten = 0;
        let link = &self.side.link;
        walk(link, &self.side.items, Some(segment), &mut |page| {
            let members: Vec<&Item> = page
                .iter()
                .filter(|item| {
                    membership(item).is_ok_and(|membership| membership.check(segment.as_str()).is_some())
                })
                .collect();
            forgotten += members.len() as u64;
            self.run(members.into_iter().filter_map(hash).map(|hash| self.leave(hash, segment)))?;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(forgotten)
    }

    fn run(
        &self,
        updates: impl Iterator<Item = impl Future<Output = Result<()>> + Send> + Send,
    ) -> Result<()> {
        let updates = stream::iter(updates).buffer_unordered(UPDATES_AT_ONCE).try_collect::<Vec<()>>();
        pollster::block_on(self.side.link.within(updates)).map(drop)
    }

    /// Updates a context, one change after the other.
    async fn change(&self, changes: Vec<Change>) -> Result<()> {
        for Change { hash, excluded, refs } in changes {
            let (joins, leaves) = if excluded { (EXCLUDED, INCLUDED) } else { (INCLUDED, EXCLUDED) };
            let expression = format!("ADD {joins} :segments DELETE {leaves} :segments");
            self.update(LOADING, hash, &expression, &refs).await?;
        }
        Ok(())
    }

    async fn leave(&self, hash: ContextHash, segment: &SegmentRef) -> Result<()> {
        let expression = format!("DELETE {INCLUDED} :segments, {EXCLUDED} :segments");
        self.update(FORGETTING, hash, &expression, std::slice::from_ref(segment)).await
    }

    async fn update(
        &self,
        doing: Doing,
        hash: ContextHash,
        expression: &str,
        refs: &[SegmentRef],
    ) -> Result<()> {
        let side = &self.side;
        if self.pace.is_limited() {
            let when = self.pace.reserve(Clock::System.now());
            side.link.runtime.sleep_until(&Clock::System, when).await;
        }
        let update = side.update(doing, |update| {
            let update = update
                .set_key(Some(side.items.membership_key(hash)))
                .update_expression(expression)
                .expression_attribute_values(":segments", set(refs));
            match self.pace.is_limited() {
                true => update.return_consumed_capacity(ReturnConsumedCapacity::Total),
                false => update,
            }
        });
        let (_, units) = update.await.map_err(|e| e.at(format!("context {hash}")))?;
        self.pace.consumed(units);
        Ok(())
    }
}

/// Works out what a context joins and leaves; included wins over excluded.
fn changes(hash: ContextHash, entries: &[LoadEntry], refs: &[SegmentRef]) -> Vec<Change> {
    let is_included = |segment| entries.contains(&LoadEntry { segment, excluded: false });
    let change = |excluded| {
        let own = entries
            .iter()
            .filter(|entry| entry.excluded == excluded && !(excluded && is_included(entry.segment)))
            .map(|entry| refs[entry.segment as usize].clone())
            .collect();
        Change { hash, excluded, refs: own }
    };
    [false, true].map(change).into_iter().filter(|change| !change.refs.is_empty()).collect()
}
