use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;

use super::bulk_load::Loader;
use super::client::Link;
use super::config::DynamoDbConfig;
use super::error::{Doing, is_throttling};
use super::rate_limit::pause_after;
use super::schema::{CURSOR, Item, Items, SYNCHRONIZED_ON};
use super::transaction::{APPLYING, CHANGES, Fence, Verdict, transaction};
use crate::context_key::ContextHash;
use crate::error::{ErrorKind, Result};
use crate::patch::{ContextChange, Patch, PatchOutcome};
use crate::segment_ref::SegmentRef;
use crate::store::{Cursor, LoadPlan, LoadReport, LoadSource, StoreWriter};

/// How many transactions of a patch are under way at once. All of them check the cursor, so that they may thwart each
/// other; where they do, fewer are sent.
const TRANSACTIONS_AT_ONCE: usize = 4;
/// How often a request is tried that others, or a lack of capacity, thwart.
const ATTEMPTS: u32 = 12;

const READING_CURSOR: Doing = Doing::new("reading the cursor", "GetItem");
const READING_SYNC_TIME: Doing = Doing::new("reading the sync time", "GetItem");
const MOVING_CURSOR: Doing = Doing::new("moving the cursor", "UpdateItem");
const FORGETTING_CURSOR: Doing = Doing::new("taking the cursor away", "UpdateItem");
const MARKING: Doing = Doing::new("writing the sync time", "UpdateItem");

/// Writes a store in DynamoDB, with no actions but `ConditionCheckItem`, `GetItem` and `UpdateItem` (and `Query` for a
/// load that replaces a segment).
///
/// Nothing connects until it is asked. Any number of writers, here and elsewhere, may write to one store.
pub struct DynamoDbWriter {
    side: Arc<WritingSide>,
}

/// What patches and loads have in common.
pub(super) struct WritingSide {
    pub(super) link: Link,
    pub(super) items: Items,
}

/// Counts the attempts that were thwarted since the last one that was not.
#[derive(Default)]
pub(super) struct Attempts(u32);

impl DynamoDbWriter {
    /// Prepares to write.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn new(config: DynamoDbConfig) -> Result<Self> {
        let items = Items::new(&config.prefix);
        let patience = config.response_timeout.max(DynamoDbConfig::WRITER_PATIENCE);
        Ok(Self { side: Arc::new(WritingSide { link: Link::new(config, patience)?, items }) })
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        pollster::block_on(self.side.link.within(work))
    }
}

impl Attempts {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// There were too many.
    pub(super) async fn thwarted(&mut self, link: &Link, doing: Doing, verdict: Verdict) -> Result<()> {
        self.0 += 1;
        if self.0 < ATTEMPTS {
            link.pause(pause_after(self.0)).await;
            return Ok(());
        }
        let (kind, what) = match verdict {
            Verdict::Throttled => (ErrorKind::StoreThrottled, "the table's capacity did not suffice"),
            _ => (ErrorKind::StoreUnavailable, "other writers came first"),
        };
        Err(link.config.error(kind, doing.what, &format!("{what}, {ATTEMPTS} times in a row")))
    }

    fn reset(&mut self) {
        self.0 = 0;
    }
}

impl WritingSide {
    async fn cursor(&self) -> Result<Option<String>> {
        let item = self.metadata(READING_CURSOR).await?;
        self.items.cursor(item.as_ref()).map_err(|e| e.at(self.link.config.place()))
    }

    async fn has_sync_time(&self) -> Result<bool> {
        let item = self.metadata(READING_SYNC_TIME).await?;
        Ok(item.is_some_and(|item| item.contains_key(SYNCHRONIZED_ON)))
    }

    /// Reads the item that is about the whole environment.
    async fn metadata(&self, doing: Doing) -> Result<Option<Item>> {
        let table = &self.link.config.table;
        let ask = self.link.ask(doing, |client| {
            let key = self.items.metadata_key();
            client.get_item().table_name(table).set_key(Some(key)).consistent_read(true).send()
        });
        Ok(ask.await?.item)
    }

    async fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        let segment = patch.segment_ref()?;
        let version = self.cursor().await?;
        let outcome = patch.outcome_on(version.as_deref());
        if outcome != PatchOutcome::Applied {
            return Ok(outcome);
        }
        let fence = Fence(version);
        let changes: Vec<_> = patch.context_changes().into_iter().collect();
        let verdict = match (self.change(&fence, &segment, &changes).await?, cursor) {
            (Verdict::Done, Cursor::Advance) => self.move_cursor(&fence, &patch.version).await?,
            (verdict, _) => verdict,
        };
        if verdict == Verdict::Done {
            return Ok(PatchOutcome::Applied);
        }
        match patch.outcome_on(self.cursor().await?.as_deref()) {
            PatchOutcome::Applied => {
                let what = "the cursor was moved away and back; is the store being restored?";
                Err(self.link.config.error(ErrorKind::StoreUnavailable, APPLYING.what, what))
            }
            outcome => Ok(outcome),
        }
    }

    /// Carries out all changes, in waves of transactions; whatever is thwarted goes into the next wave.
    async fn change(
        &self,
        fence: &Fence,
        segment: &SegmentRef,
        changes: &[(ContextHash, ContextChange)],
    ) -> Result<Verdict> {
        let mut left: VecDeque<_> = changes.chunks(CHANGES).collect();
        let (mut width, mut attempts) = (TRANSACTIONS_AT_ONCE, Attempts::default());
        while !left.is_empty() {
            let wave: Vec<_> = left.drain(..width.min(left.len())).collect();
            let sent = wave.iter().map(|changes| self.transact(fence, segment, changes));
            // All are waited for, whatever becomes of some: none may be under way when the next patch begins.
            let verdicts = join_all(sent).await;
            if verdicts.iter().any(|verdict| matches!(verdict, Ok(Verdict::CursorMoved))) {
                return Ok(Verdict::CursorMoved);
            }
            let sent = wave.len();
            let mut thwarted = None;
            for (changes, verdict) in wave.into_iter().zip(verdicts) {
                match verdict? {
                    Verdict::Done => attempts.reset(),
                    verdict => {
                        left.push_back(changes);
                        thwarted = Some(verdict);
                    }
                }
            }
            if let Some(verdict) = thwarted {
                width = (sent / 2).max(1);
                attempts.thwarted(&self.link, APPLYING, verdict).await?;
            }
        }
        Ok(Verdict::Done)
    }

    async fn transact(
        &self,
        fence: &Fence,
        segment: &SegmentRef,
        changes: &[(ContextHash, ContextChange)],
    ) -> Result<Verdict> {
        let config = &self.link.config;
        let items = transaction(&config.table, &self.items, fence, segment, changes);
        let answer = self
            .link
            .send(|client| client.transact_write_items().set_transact_items(Some(items.clone())).send())
            .await?;
        match answer {
            Ok(_) => Ok(Verdict::Done),
            Err(e) => config.judge(&e, changes),
        }
    }

    async fn move_cursor(&self, fence: &Fence, version: &str) -> Result<Verdict> {
        let (condition, cursor) = fence.condition();
        self.update(MOVING_CURSOR, |update| {
            let update = update
                .set_key(Some(self.items.metadata_key()))
                .update_expression(format!("SET {CURSOR} = :version"))
                .expression_attribute_values(":version", AttributeValue::S(version.to_owned()))
                .condition_expression(&condition);
            match &cursor {
                Some(cursor) => update.expression_attribute_values(":cursor", cursor.clone()),
                None => update,
            }
        })
        .await
        .map(|(verdict, _)| verdict)
    }

    pub(super) async fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        self.update(MARKING, |update| {
            update
                .set_key(Some(self.items.metadata_key()))
                .update_expression(format!("SET {SYNCHRONIZED_ON} = :time"))
                .expression_attribute_values(":time", AttributeValue::N(unix_millis.to_string()))
        })
        .await
        .map(drop)
    }

    async fn forget_cursor(&self) -> Result<()> {
        self.update(FORGETTING_CURSOR, |update| {
            update.set_key(Some(self.items.metadata_key())).update_expression(format!("REMOVE {CURSOR}"))
        })
        .await
        .map(drop)
    }

    /// Updates one item, however often others come first; returns also the write units consumed, if they were asked for.
    pub(super) async fn update(
        &self,
        doing: Doing,
        fill_in: impl Fn(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
    ) -> Result<(Verdict, f64)> {
        let config = &self.link.config;
        let mut attempts = Attempts::default();
        loop {
            let answer = self
                .link
                .send(|client| fill_in(client.update_item().table_name(&config.table)).send())
                .await?;
            let verdict = match answer {
                Ok(answer) => {
                    let units = answer.consumed_capacity.and_then(|consumed| consumed.capacity_units);
                    return Ok((Verdict::Done, units.unwrap_or_default()));
                }
                Err(e) => judge_update(&e).ok_or_else(|| config.failure(doing, &e))?,
            };
            if verdict == Verdict::CursorMoved {
                return Ok((verdict, 0.0));
            }
            attempts.thwarted(&self.link, doing, verdict).await?;
        }
    }
}

/// Judges why an update was refused; nothing when no further attempt will mend it.
fn judge_update(error: &SdkError<UpdateItemError>) -> Option<Verdict> {
    match error.as_service_error()? {
        UpdateItemError::ConditionalCheckFailedException(_) => Some(Verdict::CursorMoved),
        UpdateItemError::TransactionConflictException(_) => Some(Verdict::Conflict),
        e if is_throttling(e.code()) => Some(Verdict::Throttled),
        _ => None,
    }
}

impl StoreWriter for DynamoDbWriter {
    fn cursor(&self) -> Result<Option<String>> {
        self.wait(self.side.cursor())
    }

    /// Applies the patch in transactions, each of which makes sure that the cursor is still where the patch needs it.
    /// The cursor moves in a last write of its own, after all of them have succeeded.
    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        self.wait(self.side.apply(patch, cursor))
    }

    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        self.wait(self.side.set_synchronized_on(unix_millis))
    }

    fn has_sync_time(&self) -> Result<bool> {
        self.wait(self.side.has_sync_time())
    }

    fn forget_cursor(&self) -> Result<()> {
        self.wait(self.side.forget_cursor())
    }

    /// Loads the list with one update for each context, or two when it is included and excluded. A failure leaves the
    /// part that was written, and the sync time as it was: loading the same list again completes it. Replacing a
    /// segment forgets its members first, so that until the end it has fewer than it should.
    ///
    /// # Errors
    /// [`ErrorKind::StorePermission`], before anything is changed, when a segment is to be replaced and `Query` is
    /// not permitted.
    fn load(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport> {
        let loader = Loader::new(self.side.clone());
        let replaced = match &plan.replace {
            Some(segment) => loader.forget(segment)?,
            None => 0,
        };
        let contexts = loader.write(plan, contexts, progress)?;
        self.set_synchronized_on(plan.synchronized_on)?;
        Ok(LoadReport { contexts, replaced })
    }
}
