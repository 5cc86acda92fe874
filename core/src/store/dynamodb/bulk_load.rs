//! Bulk load: writes a whole list with many updates in flight, as fast as the table or a limit
//! allows.

use std::ops::ControlFlow;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::error::Operation;
use super::rate_limit::RateLimiter;
use super::scanner::scan_pages;
use super::schema::{EXCLUDED, INCLUDED, Item, hash, membership, set};
use super::table_writer::TableWriter;
use crate::clock::Clock;
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::segment_ref::SegmentRef;
use crate::store::{Entry, LoadEntry, LoadPlan, LoadSource, effective_segments};

/// The most updates in flight.
const MAX_IN_FLIGHT: usize = 64;
/// How many contexts are taken from the list before progress is reported.
const CONTEXTS_PER_BATCH: usize = 1024;

const LOADING: Operation = Operation::new("loading a list", "UpdateItem");
const REMOVING_SEGMENT: Operation = Operation::new("removing the members of a segment", "UpdateItem");

/// An update of one context: these refs are added to one set, and removed from the opposite one.
struct Change {
    hash: ContextHash,
    entry: Entry,
    refs: Vec<SegmentRef>,
}

/// Loads one list.
pub(super) struct BulkLoad<'a> {
    writer: &'a TableWriter,
    rate: RateLimiter,
}

impl<'a> BulkLoad<'a> {
    pub(super) fn new(writer: &'a TableWriter) -> Self {
        let rate = RateLimiter::new(writer.client.config.write_units_per_second);
        Self { writer, rate }
    }

    /// Writes the list; returns how many contexts it has.
    pub(super) fn write(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64> {
        let mut done = 0;
        let mut entries = Vec::new();
        loop {
            // The source and the callback are foreign code: they run here, with no request in
            // flight.
            let mut batch = Vec::with_capacity(CONTEXTS_PER_BATCH);
            while batch.len() < CONTEXTS_PER_BATCH
                && let Some(hash) = contexts.next(&mut entries)?
            {
                batch.push(changes(hash, &entries, &plan.refs));
            }
            let is_last = batch.len() < CONTEXTS_PER_BATCH;
            done += batch.len() as u64;
            self.run(batch.into_iter().map(|changes| self.change(changes)))?;
            progress(done);
            if is_last {
                return Ok(done);
            }
        }
    }

    /// Removes every context from a segment; returns how many there were.
    pub(super) fn remove_segment(&self, segment: &SegmentRef) -> Result<u64> {
        let mut removed = 0;
        scan_pages(&self.writer.client, &self.writer.schema, Some(segment), &mut |page| {
            let members: Vec<&Item> = page
                .iter()
                .filter(|item| {
                    membership(item).is_ok_and(|membership| membership.check(segment.as_str()).is_some())
                })
                .collect();
            removed += members.len() as u64;
            self.run(members.into_iter().filter_map(hash).map(|hash| self.remove(hash, segment)))?;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(removed)
    }

    fn run(
        &self,
        updates: impl Iterator<Item = impl Future<Output = Result<()>> + Send> + Send,
    ) -> Result<()> {
        let updates = stream::iter(updates).buffer_unordered(MAX_IN_FLIGHT).try_collect::<Vec<()>>();
        pollster::block_on(self.writer.client.on_runtime(updates)).map(drop)
    }

    /// Updates a context, one change after the other.
    async fn change(&self, changes: Vec<Change>) -> Result<()> {
        for Change { hash, entry, refs } in changes {
            let (set, opposite) = match entry {
                Entry::Include => (INCLUDED, EXCLUDED),
                Entry::Exclude => (EXCLUDED, INCLUDED),
            };
            let expression = format!("ADD {set} :segments DELETE {opposite} :segments");
            self.update(LOADING, hash, &expression, &refs).await?;
        }
        Ok(())
    }

    async fn remove(&self, hash: ContextHash, segment: &SegmentRef) -> Result<()> {
        let expression = format!("DELETE {INCLUDED} :segments, {EXCLUDED} :segments");
        self.update(REMOVING_SEGMENT, hash, &expression, std::slice::from_ref(segment)).await
    }

    async fn update(
        &self,
        operation: Operation,
        hash: ContextHash,
        expression: &str,
        refs: &[SegmentRef],
    ) -> Result<()> {
        if self.rate.is_limited() {
            let moment = self.rate.reserve(Clock::System.now());
            self.writer.client.sleep_until(moment).await;
        }
        let update = self.writer.update(operation, |update| {
            let update = update
                .set_key(Some(self.writer.schema.membership_key(hash)))
                .update_expression(expression)
                .expression_attribute_values(":segments", set(refs));
            if self.rate.is_limited() {
                update.return_consumed_capacity(ReturnConsumedCapacity::Total)
            } else {
                update
            }
        });
        let (_, units) = update.await.map_err(|e| e.at(format!("context {hash}")))?;
        self.rate.record(units);
        Ok(())
    }
}

/// Returns the updates of a context; included wins over excluded.
fn changes(hash: ContextHash, entries: &[LoadEntry], refs: &[SegmentRef]) -> Vec<Change> {
    let change =
        |entry| Change { hash, entry, refs: effective_segments(entries, entry, refs).cloned().collect() };
    [Entry::Include, Entry::Exclude]
        .map(change)
        .into_iter()
        .filter(|change| !change.refs.is_empty())
        .collect()
}
