use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use parking_lot::Mutex;

use super::client::Link;
use super::config::{Consistency, DynamoDbConfig};
use super::credentials::FINDING;
use super::error::Doing;
use super::rate_limit::pause_after;
use super::schema::{self, Item, Items};
use crate::clock::{Clock, Moment};
use crate::context_key::ContextHash;
use crate::error::{ErrorKind, Result};
use crate::membership::Membership;
use crate::runtime::BoxFuture;
use crate::store::{BatchResult, Limitation, Metadata, StoreReader};

/// The most keys one `BatchGetItem` may name.
const BATCH: usize = 100;
/// How many single reads are under way at once where batches are not allowed.
const SINGLES_AT_ONCE: usize = 32;
/// How long it is before a refused batch is tried again: somebody may have granted the permission.
const REFUSED_FOR: Duration = Duration::from_secs(60);

const READING: Doing = Doing::new("reading memberships", "GetItem");
const READING_BATCH: Doing = Doing::new("reading memberships", "BatchGetItem");
const READING_METADATA: Doing = Doing::new("reading the sync time", "GetItem");

/// Reads a store in DynamoDB, with `GetItem` for one context, and `BatchGetItem` for several if that is permitted.
///
/// Nothing connects until it is asked. Requests that fail in passing are tried again, within
/// [`DynamoDbConfig::response_timeout`].
pub struct DynamoDbReader {
    link: Link,
    items: Items,
    refused: Mutex<Option<Refusal>>,
}

/// That batches are not permitted, and until when that is believed.
struct Refusal {
    reason: String,
    until: Moment,
}

impl DynamoDbReader {
    /// Prepares to read.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn new(config: DynamoDbConfig) -> Result<Self> {
        let items = Items::new(&config.prefix);
        // So that one lost answer does not use up all the time there is.
        let attempt_timeout = config.response_timeout / 2;
        Ok(Self { link: Link::new(config, attempt_timeout)?, items, refused: Mutex::default() })
    }

    /// Runs work in the time a reader has, the search for credentials included.
    async fn in_time<T>(&self, doing: Doing, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let over = Clock::System.now().after(self.link.config.response_timeout);
        let work = async {
            // Apart, so that the error says what took so long.
            self.link.in_time(over, FINDING, self.link.ready()).await?;
            self.link.in_time(over, doing.what, work).await
        };
        self.link.within(work).await
    }

    fn is_consistent(&self) -> bool {
        self.link.config.consistency == Consistency::Strong
    }

    async fn read(&self, hashes: &[ContextHash]) -> Result<BatchResult> {
        let found = match hashes {
            [] => return BatchResult::new(hashes, Vec::new()),
            [hash] => HashMap::from_iter(self.read_one(*hash).await?.map(|item| (*hash, item))),
            _ => self.read_many(hashes).await?,
        };
        let membership = |hash| match found.get(hash) {
            Some(item) => schema::membership(item).map_err(|e| e.at(self.link.config.place())),
            None => Ok(Membership::empty()),
        };
        BatchResult::new(hashes, hashes.iter().map(membership).collect())
    }

    async fn read_one(&self, hash: ContextHash) -> Result<Option<Item>> {
        let (table, consistent) = (&self.link.config.table, self.is_consistent());
        let ask = self.link.ask(READING, |client| {
            let key = self.items.membership_key(hash);
            client.get_item().table_name(table).set_key(Some(key)).consistent_read(consistent).send()
        });
        Ok(ask.await?.item)
    }

    /// Reads contexts, each once, in as few requests as are permitted.
    async fn read_many(&self, hashes: &[ContextHash]) -> Result<HashMap<ContextHash, Item>> {
        let mut hashes = hashes.to_vec();
        hashes.sort_unstable();
        hashes.dedup();
        if self.may_batch() {
            let batches = hashes.chunks(BATCH).map(|batch| self.read_batch(batch));
            if let Some(found) = try_join_all(batches).await?.into_iter().collect::<Option<Vec<_>>>() {
                return Ok(found.into_iter().flatten().collect());
            }
        }
        let singles = hashes
            .into_iter()
            .map(|hash| async move { Ok(self.read_one(hash).await?.map(|item| (hash, item))) });
        let found: Result<Vec<_>> =
            stream::iter(singles).buffer_unordered(SINGLES_AT_ONCE).try_collect().await;
        Ok(found?.into_iter().flatten().collect())
    }

    /// Reads up to [`BATCH`] contexts; nothing when that is not permitted.
    async fn read_batch(&self, hashes: &[ContextHash]) -> Result<Option<Vec<(ContextHash, Item)>>> {
        let config = &self.link.config;
        let deadline = Clock::System.now().after(config.response_timeout);
        let mut found = Vec::with_capacity(hashes.len());
        let mut keys: Vec<Item> = hashes.iter().map(|hash| self.items.membership_key(*hash)).collect();
        for attempt in 1.. {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut keys)))
                .consistent_read(self.is_consistent())
                .build()
                .expect("keys are given");
            let answer = self
                .link
                .send(|client| client.batch_get_item().request_items(&config.table, wanted.clone()).send())
                .await?;
            let answer = match answer {
                Ok(answer) => answer,
                Err(e) if is_denied(&e) => {
                    self.refuse(config.failure(READING_BATCH, &e).message());
                    return Ok(None);
                }
                Err(e) => return Err(config.failure(READING_BATCH, &e)),
            };
            let items = answer.responses.into_iter().flatten().flat_map(|(_, items)| items);
            found.extend(items.filter_map(|item| Some((schema::hash(&item)?, item))));
            // What DynamoDB left over, for lack of capacity or because the answer would be too long.
            keys = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, left)| left.keys).collect();
            if keys.is_empty() {
                break;
            }
            let pause = pause_after(attempt);
            if Clock::System.now().after(pause) >= deadline {
                let what =
                    format!("{} of {} contexts were left unread again and again", keys.len(), hashes.len());
                return Err(config.error(ErrorKind::StoreThrottled, READING_BATCH.what, &what));
            }
            self.link.pause(pause).await;
        }
        *self.refused.lock() = None;
        Ok(Some(found))
    }

    fn may_batch(&self) -> bool {
        self.refused.lock().as_ref().is_none_or(|refusal| Clock::System.now() >= refusal.until)
    }

    fn refuse(&self, reason: &str) {
        let until = Clock::System.now().after(REFUSED_FOR);
        *self.refused.lock() = Some(Refusal { reason: reason.to_owned(), until });
    }

    async fn read_metadata(&self) -> Result<Metadata> {
        let table = &self.link.config.table;
        let ask = self.link.ask(READING_METADATA, |client| {
            let key = self.items.metadata_key();
            client.get_item().table_name(table).set_key(Some(key)).consistent_read(true).send()
        });
        let item = ask.await?.item;
        let synchronized_on = self.items.synchronized_on(item.as_ref());
        Ok(Metadata { synchronized_on: synchronized_on.map_err(|e| e.at(self.link.config.place()))? })
    }
}

fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.as_service_error().and_then(|e| e.code()) == Some("AccessDeniedException")
}

impl StoreReader for DynamoDbReader {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        Box::pin(self.in_time(READING, self.read(hashes)))
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(self.in_time(READING_METADATA, self.read_metadata()))
    }

    fn limitations(&self) -> Vec<Limitation> {
        let refused = self.refused.lock();
        let limitation = |refusal: &Refusal| Limitation {
            feature: Limitation::BATCHED_READS,
            reason: refusal.reason.clone(),
        };
        refused.iter().map(limitation).collect()
    }
}
