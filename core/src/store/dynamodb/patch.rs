//! Applies patches: in transactions that each check the cursor, then one update that moves it.

use std::collections::VecDeque;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;

use super::error::Operation;
use super::schema::CURSOR;
use super::table_writer::{Contention, TableWriter, WriteOutcome};
use super::transaction::{APPLYING, Fence, MAX_CHANGES, transaction_items};
use crate::context_key::ContextHash;
use crate::error::{ErrorKind, Result};
use crate::patch::{ContextChange, Patch, PatchOutcome};
use crate::segment_ref::SegmentRef;
use crate::store::Cursor;

/// How many transactions of a patch are in flight at once. All of them check the cursor, so they
/// may conflict with each other; where they do, fewer are sent.
const MAX_IN_FLIGHT: usize = 4;

const MOVING_CURSOR: Operation = Operation::new("moving the cursor", "UpdateItem");

impl TableWriter {
    pub(super) async fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        let segment = patch.segment_ref()?;
        let version = self.cursor().await?;
        let outcome = patch.outcome_on(version.as_deref());
        if outcome != PatchOutcome::Applied {
            return Ok(outcome);
        }
        let fence = Fence(version);
        let changes: Vec<_> = patch.context_changes().into_iter().collect();
        let mut written = self.write_changes(&fence, &segment, &changes).await?;
        if written == WriteOutcome::Done && cursor == Cursor::Advance {
            written = self.move_cursor(&fence, &patch.version).await?;
        }
        if written == WriteOutcome::Done {
            return Ok(PatchOutcome::Applied);
        }
        match patch.outcome_on(self.cursor().await?.as_deref()) {
            PatchOutcome::Applied => {
                let what = "the cursor was moved away and back; is the store being restored?";
                Err(self.client.config.error(ErrorKind::StoreUnavailable, APPLYING.name, what))
            }
            outcome => Ok(outcome),
        }
    }

    /// Writes all changes in batches of transactions; a transaction that is contended goes into a
    /// later batch.
    async fn write_changes(
        &self,
        fence: &Fence,
        segment: &SegmentRef,
        changes: &[(ContextHash, ContextChange)],
    ) -> Result<WriteOutcome> {
        let mut left: VecDeque<_> = changes.chunks(MAX_CHANGES).collect();
        let mut in_flight = MAX_IN_FLIGHT;
        let mut contention = Contention::default();
        while !left.is_empty() {
            let batch: Vec<_> = left.drain(..in_flight.min(left.len())).collect();
            let sent = batch.iter().map(|changes| self.transact(fence, segment, changes));
            // All are awaited, even if some fail: none may be in flight when the next patch begins.
            let outcomes = join_all(sent).await;
            if outcomes.iter().any(|outcome| matches!(outcome, Ok(WriteOutcome::CursorMoved))) {
                return Ok(WriteOutcome::CursorMoved);
            }
            let sent = batch.len();
            let mut contended = None;
            for (changes, outcome) in batch.into_iter().zip(outcomes) {
                match outcome? {
                    WriteOutcome::Done => contention.reset(),
                    outcome => {
                        left.push_back(changes);
                        contended = Some(outcome);
                    }
                }
            }
            if let Some(outcome) = contended {
                in_flight = (sent / 2).max(1);
                contention.back_off(&self.client, APPLYING, outcome).await?;
            }
        }
        Ok(WriteOutcome::Done)
    }

    async fn transact(
        &self,
        fence: &Fence,
        segment: &SegmentRef,
        changes: &[(ContextHash, ContextChange)],
    ) -> Result<WriteOutcome> {
        let config = &self.client.config;
        let items = transaction_items(&config.table, &self.schema, fence, segment, changes);
        let answer = self
            .client
            .send(|client| client.transact_write_items().set_transact_items(Some(items.clone())).send())
            .await?;
        match answer {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(e) => config.classify(&e, changes),
        }
    }

    async fn move_cursor(&self, fence: &Fence, version: &str) -> Result<WriteOutcome> {
        let (condition, cursor) = fence.condition();
        let update = self.update(MOVING_CURSOR, |update| {
            let update = update
                .set_key(Some(self.schema.metadata_key()))
                .update_expression(format!("SET {CURSOR} = :version"))
                .expression_attribute_values(":version", AttributeValue::S(version.to_owned()))
                .condition_expression(&condition);
            match &cursor {
                Some(cursor) => update.expression_attribute_values(":cursor", cursor.clone()),
                None => update,
            }
        });
        let (outcome, _) = update.await?;
        Ok(outcome)
    }
}
