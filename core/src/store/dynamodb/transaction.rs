//! One transaction of a patch: a check of the cursor, and the changes of up to 99 contexts.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, TransactWriteItem, Update,
};

use super::config::DynamoDbConfig;
use super::error::{Operation, is_throttling};
use super::schema::{CURSOR, EXCLUDED, INCLUDED, Schema, set};
use super::table_writer::WriteOutcome;
use crate::context_key::ContextHash;
use crate::error::{ErrorKind, Result};
use crate::patch::ContextChange;
use crate::segment_ref::SegmentRef;

/// The most contexts that one transaction changes: it may hold 100 items, one of which is the
/// check.
pub(super) const MAX_CHANGES: usize = 99;

pub(super) const APPLYING: Operation =
    Operation::new("applying a patch", "UpdateItem and dynamodb:ConditionCheckItem");

/// The cursor when the patch was started, as a condition of every write.
#[derive(Debug, Clone)]
pub(super) struct Fence(pub(super) Option<String>);

impl Fence {
    /// Returns the condition, and the value of its `:cursor` if it has one.
    pub(super) fn condition(&self) -> (String, Option<AttributeValue>) {
        match &self.0 {
            Some(cursor) => (format!("{CURSOR} = :cursor"), Some(AttributeValue::S(cursor.clone()))),
            None => (format!("attribute_not_exists({CURSOR})"), None),
        }
    }

    fn check(&self, table: &str, schema: &Schema) -> TransactWriteItem {
        let (condition, cursor) = self.condition();
        let mut check = ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(schema.metadata_key()))
            .condition_expression(condition);
        if let Some(cursor) = cursor {
            check = check.expression_attribute_values(":cursor", cursor);
        }
        let check = check.build().expect("table, key and condition are given");
        TransactWriteItem::builder().condition_check(check).build()
    }
}

/// Builds the items of a transaction: the check first, then the changes in their order.
pub(super) fn transaction_items(
    table: &str,
    schema: &Schema,
    fence: &Fence,
    segment: &SegmentRef,
    changes: &[(ContextHash, ContextChange)],
) -> Vec<TransactWriteItem> {
    let mut items = vec![fence.check(table, schema)];
    items.extend(changes.iter().map(|(hash, change)| {
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(schema.membership_key(*hash)))
            .update_expression(expression(change))
            .expression_attribute_values(":segment", set([segment]))
            .build()
            .expect("table, key and expression are given");
        TransactWriteItem::builder().update(update).build()
    }));
    items
}

/// Writes the changes of a context's two sets as one update: no transaction may name an item twice.
fn expression(change: &ContextChange) -> String {
    let clause = |word: &str, adds: bool| {
        let sets: Vec<String> = [(INCLUDED, change.included), (EXCLUDED, change.excluded)]
            .into_iter()
            .filter(|(_, change)| *change == Some(adds))
            .map(|(set, _)| format!("{set} :segment"))
            .collect();
        if sets.is_empty() { String::new() } else { format!("{word} {}", sets.join(", ")) }
    };
    format!("{} {}", clause("ADD", true), clause("DELETE", false)).trim().to_owned()
}

impl DynamoDbConfig {
    /// Classifies the error of a transaction.
    ///
    /// # Errors
    /// Another attempt would fail, too, or the SDK has made enough of them.
    pub(super) fn classify(
        &self,
        error: &SdkError<TransactWriteItemsError>,
        changes: &[(ContextHash, ContextChange)],
    ) -> Result<WriteOutcome> {
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                self.classify_reasons(cancelled.cancellation_reasons(), changes)
            }
            Some(e) if e.is_transaction_in_progress_exception() => Ok(WriteOutcome::Conflict),
            Some(e) if is_throttling(e.code()) => Ok(WriteOutcome::Throttled),
            _ => Err(self.request_error(APPLYING, error)),
        }
    }

    fn classify_reasons(
        &self,
        reasons: &[CancellationReason],
        changes: &[(ContextHash, ContextChange)],
    ) -> Result<WriteOutcome> {
        let mut outcome = None;
        for (index, reason) in reasons.iter().enumerate() {
            match reason.code() {
                None | Some("None") => {}
                Some("ConditionalCheckFailed") => return Ok(WriteOutcome::CursorMoved),
                Some("TransactionConflict") => outcome = outcome.or(Some(WriteOutcome::Conflict)),
                code if is_throttling(code) => outcome = Some(WriteOutcome::Throttled),
                code => {
                    let context = index.checked_sub(1).and_then(|n| changes.get(n));
                    let error = self.server_error(APPLYING, code, reason.message(), 400);
                    return Err(match context {
                        Some((hash, _)) => {
                            self.error(error.kind(), &format!("context {hash}"), error.message())
                        }
                        None => error,
                    });
                }
            }
        }
        outcome.ok_or_else(|| {
            self.error(
                ErrorKind::StoreUnavailable,
                APPLYING.name,
                "the transaction was cancelled without a reason",
            )
        })
    }
}
