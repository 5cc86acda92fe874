//! One transaction of a patch: a check of the cursor, and the changes of up to 99 contexts.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, TransactWriteItem, Update,
};

use super::config::DynamoDbConfig;
use super::error::{Doing, is_throttling};
use super::schema::{CURSOR, EXCLUDED, INCLUDED, Items, set};
use crate::context_key::ContextHash;
use crate::error::{ErrorKind, Result};
use crate::patch::ContextChange;
use crate::segment_ref::SegmentRef;

/// How many contexts one transaction changes: it may hold 100 items, one of which is the check.
pub(super) const CHANGES: usize = 99;

pub(super) const APPLYING: Doing =
    Doing::new("applying a patch", "UpdateItem and dynamodb:ConditionCheckItem");

/// What became of a request that the cursor, or others, may stand in the way of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it was carried out.
    Done,
    /// The cursor is no longer where it was; nothing was carried out.
    CursorMoved,
    /// Somebody else was writing there at that moment; nothing was carried out.
    Conflict,
    /// The table has no capacity left at the moment; nothing was carried out.
    Throttled,
}

/// Where the cursor was when the patch was begun, as a condition.
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

    fn check(&self, table: &str, items: &Items) -> TransactWriteItem {
        let (condition, cursor) = self.condition();
        let mut check = ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(items.metadata_key()))
            .condition_expression(condition);
        if let Some(cursor) = cursor {
            check = check.expression_attribute_values(":cursor", cursor);
        }
        let check = check.build().expect("table, key and condition are given");
        TransactWriteItem::builder().condition_check(check).build()
    }
}

/// Builds the items of a transaction: the check first, then the changes in their order.
pub(super) fn transaction(
    table: &str,
    items: &Items,
    fence: &Fence,
    segment: &SegmentRef,
    changes: &[(ContextHash, ContextChange)],
) -> Vec<TransactWriteItem> {
    let mut transaction = vec![fence.check(table, items)];
    transaction.extend(changes.iter().map(|(hash, change)| {
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(items.membership_key(*hash)))
            .update_expression(expression(change))
            .expression_attribute_values(":segment", set([segment]))
            .build()
            .expect("table, key and expression are given");
        TransactWriteItem::builder().update(update).build()
    }));
    transaction
}

/// Spells what happens to a context's two lists, as one update: no transaction may name an item twice.
fn expression(change: &ContextChange) -> String {
    let clause = |word: &str, joins: bool| {
        let lists: Vec<String> = [(INCLUDED, change.included), (EXCLUDED, change.excluded)]
            .into_iter()
            .filter(|(_, change)| *change == Some(joins))
            .map(|(list, _)| format!("{list} :segment"))
            .collect();
        if lists.is_empty() { String::new() } else { format!("{word} {}", lists.join(", ")) }
    };
    format!("{} {}", clause("ADD", true), clause("DELETE", false)).trim().to_owned()
}

impl DynamoDbConfig {
    /// Judges the answer to a transaction.
    ///
    /// # Errors
    /// What no further attempt will mend, or what the client has tried often enough.
    pub(super) fn judge(
        &self,
        error: &SdkError<TransactWriteItemsError>,
        changes: &[(ContextHash, ContextChange)],
    ) -> Result<Verdict> {
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                self.judge_reasons(cancelled.cancellation_reasons(), changes)
            }
            Some(e) if e.is_transaction_in_progress_exception() => Ok(Verdict::Conflict),
            Some(e) if is_throttling(e.code()) => Ok(Verdict::Throttled),
            _ => Err(self.failure(APPLYING, error)),
        }
    }

    fn judge_reasons(
        &self,
        reasons: &[CancellationReason],
        changes: &[(ContextHash, ContextChange)],
    ) -> Result<Verdict> {
        let mut verdict = None;
        for (place, reason) in reasons.iter().enumerate() {
            match reason.code() {
                None | Some("None") => {}
                Some("ConditionalCheckFailed") => return Ok(Verdict::CursorMoved),
                Some("TransactionConflict") => verdict = verdict.or(Some(Verdict::Conflict)),
                code if is_throttling(code) => verdict = Some(Verdict::Throttled),
                code => {
                    let of = place.checked_sub(1).and_then(|n| changes.get(n));
                    let error = self.refusal(APPLYING, code, reason.message(), 400);
                    return Err(match of {
                        Some((hash, _)) => {
                            self.error(error.kind(), &format!("context {hash}"), error.message())
                        }
                        None => error,
                    });
                }
            }
        }
        verdict.ok_or_else(|| {
            self.error(
                ErrorKind::StoreUnavailable,
                APPLYING.what,
                "the transaction was cancelled without a reason",
            )
        })
    }
}
