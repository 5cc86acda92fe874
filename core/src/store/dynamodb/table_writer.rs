//! Reads and updates single items for writers; an update that is contended or throttled is retried.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use super::client::{RETRY_BACKOFF, TableClient};
use super::error::{Operation, is_throttling};
use super::schema::{CURSOR, Item, SYNCHRONIZED_ON, Schema};
use crate::error::{ErrorKind, Result};

/// How often a request is tried that competes with other writers, or for the table's capacity.
const MAX_ATTEMPTS: u32 = 12;

const READING_CURSOR: Operation = Operation::new("reading the cursor", "GetItem");
const READING_SYNC_TIME: Operation = Operation::new("reading the sync time", "GetItem");
const DELETING_CURSOR: Operation = Operation::new("deleting the cursor", "UpdateItem");
const WRITING_SYNC_TIME: Operation = Operation::new("writing the sync time", "UpdateItem");

/// The result of a write that the cursor, other writers or a lack of capacity may prevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteOutcome {
    /// All of it was done.
    Done,
    /// The cursor has moved since the patch was started; nothing was done.
    CursorMoved,
    /// Another writer was active there at that moment; nothing was done.
    Conflict,
    /// The table has no capacity left at the moment; nothing was done.
    Throttled,
}

/// What patches and bulk loads have in common.
pub(super) struct TableWriter {
    pub(super) client: TableClient,
    pub(super) schema: Schema,
}

/// Counts the attempts that failed since the last success.
#[derive(Default)]
pub(super) struct Contention(u32);

impl Contention {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// There were [`MAX_ATTEMPTS`] failures in a row.
    pub(super) async fn back_off(
        &mut self,
        client: &TableClient,
        operation: Operation,
        outcome: WriteOutcome,
    ) -> Result<()> {
        self.0 += 1;
        if self.0 < MAX_ATTEMPTS {
            client.pause(RETRY_BACKOFF.equal_jitter(self.0 - 1)).await;
            return Ok(());
        }
        let (kind, what) = match outcome {
            WriteOutcome::Throttled => (ErrorKind::StoreThrottled, "the table's capacity did not suffice"),
            _ => (ErrorKind::StoreUnavailable, "other writers came first"),
        };
        let what = format!("{what}, {MAX_ATTEMPTS} times in a row");
        Err(client.config.error(kind, operation.name, &what))
    }

    pub(super) fn reset(&mut self) {
        self.0 = 0;
    }
}

impl TableWriter {
    pub(super) async fn cursor(&self) -> Result<Option<String>> {
        let item = self.metadata(READING_CURSOR).await?;
        self.schema.cursor(item.as_ref()).map_err(|e| e.at(self.client.config.describe_table()))
    }

    pub(super) async fn has_sync_time(&self) -> Result<bool> {
        let item = self.metadata(READING_SYNC_TIME).await?;
        Ok(item.is_some_and(|item| item.contains_key(SYNCHRONIZED_ON)))
    }

    /// Reads the environment's metadata item.
    async fn metadata(&self, operation: Operation) -> Result<Option<Item>> {
        let table = &self.client.config.table;
        let request = self.client.request(operation, |client| {
            let key = self.schema.metadata_key();
            client.get_item().table_name(table).set_key(Some(key)).consistent_read(true).send()
        });
        Ok(request.await?.item)
    }

    pub(super) async fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        let update = self.update(WRITING_SYNC_TIME, |update| {
            update
                .set_key(Some(self.schema.metadata_key()))
                .update_expression(format!("SET {SYNCHRONIZED_ON} = :time"))
                .expression_attribute_values(":time", AttributeValue::N(unix_millis.to_string()))
        });
        update.await.map(drop)
    }

    pub(super) async fn forget_cursor(&self) -> Result<()> {
        let update = self.update(DELETING_CURSOR, |update| {
            update.set_key(Some(self.schema.metadata_key())).update_expression(format!("REMOVE {CURSOR}"))
        });
        update.await.map(drop)
    }

    /// Updates one item, and retries while it is contended or throttled. Returns also the write
    /// units used, if the request asks for them.
    pub(super) async fn update(
        &self,
        operation: Operation,
        fill_in: impl Fn(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
    ) -> Result<(WriteOutcome, f64)> {
        let config = &self.client.config;
        let mut contention = Contention::default();
        loop {
            let answer = self
                .client
                .send(|client| fill_in(client.update_item().table_name(&config.table)).send())
                .await?;
            let outcome = match answer {
                Ok(answer) => {
                    let units = answer.consumed_capacity.and_then(|consumed| consumed.capacity_units);
                    return Ok((WriteOutcome::Done, units.unwrap_or_default()));
                }
                Err(e) => classify(&e).ok_or_else(|| config.request_error(operation, &e))?,
            };
            if outcome == WriteOutcome::CursorMoved {
                return Ok((outcome, 0.0));
            }
            contention.back_off(&self.client, operation, outcome).await?;
        }
    }
}

/// Classifies the error of an update; `None` when another attempt would fail, too.
fn classify(error: &SdkError<UpdateItemError>) -> Option<WriteOutcome> {
    match error.as_service_error()? {
        UpdateItemError::ConditionalCheckFailedException(_) => Some(WriteOutcome::CursorMoved),
        UpdateItemError::TransactionConflictException(_) => Some(WriteOutcome::Conflict),
        e if is_throttling(e.code()) => Some(WriteOutcome::Throttled),
        _ => None,
    }
}
