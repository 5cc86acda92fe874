use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use parking_lot::Mutex;

use super::client::{RETRY_BACKOFF, TableClient};
use super::config::{Consistency, DynamoDbConfig};
use super::credentials::RESOLVING_CREDENTIALS;
use super::error::Operation;
use super::schema::{self, Item, Schema};
use crate::clock::{Clock, Moment};
use crate::context_key::ContextHash;
use crate::error::{ErrorKind, Result};
use crate::membership::Membership;
use crate::runtime::BoxFuture;
use crate::store::{BatchResult, Limitation, Metadata, StoreReader};

/// The most keys in one `BatchGetItem`.
const MAX_BATCH: usize = 100;
/// The most single reads in flight, where batches are not permitted.
const MAX_SINGLES: usize = 32;
/// The pause before a denied batch is tried again: the permission may have been granted.
const DENIED_PAUSE: Duration = Duration::from_secs(60);

const READING: Operation = Operation::new("reading memberships", "GetItem");
const READING_BATCH: Operation = Operation::new("reading memberships", "BatchGetItem");
const READING_METADATA: Operation = Operation::new("reading the sync time", "GetItem");

/// Reads a store in DynamoDB, with `GetItem` for one context, and `BatchGetItem` for several if
/// that is permitted.
///
/// The reader connects on the first use. Requests with a transient failure are sent again, within
/// [`DynamoDbConfig::response_timeout`].
pub struct DynamoDbReader {
    client: TableClient,
    schema: Schema,
    denied: Mutex<Option<Denial>>,
}

/// Batches are not permitted; the next one is tried at `retry_at`.
struct Denial {
    reason: String,
    retry_at: Moment,
}

impl DynamoDbReader {
    /// Creates a reader, which does not connect yet.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn new(config: DynamoDbConfig) -> Result<Self> {
        let schema = Schema::new(&config.prefix);
        // One lost response must not use up the whole timeout.
        let attempt_timeout = config.response_timeout / 2;
        Ok(Self { client: TableClient::new(config, attempt_timeout)?, schema, denied: Mutex::default() })
    }

    /// Runs work within `response_timeout`, which includes resolving credentials.
    async fn within_timeout<T>(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let at = Clock::System.now().after(self.client.config.response_timeout);
        let work = async {
            // Two steps, so that the error names the one that took so long.
            self.client.deadline(at, RESOLVING_CREDENTIALS, self.client.ensure_credentials()).await?;
            self.client.deadline(at, operation.name, work).await
        };
        self.client.on_runtime(work).await
    }

    fn is_consistent(&self) -> bool {
        self.client.config.consistency == Consistency::Strong
    }

    async fn read(&self, hashes: &[ContextHash]) -> Result<BatchResult> {
        let found = match hashes {
            [] => return BatchResult::new(hashes, Vec::new()),
            [hash] => HashMap::from_iter(self.read_one(*hash).await?.map(|item| (*hash, item))),
            _ => self.read_many(hashes).await?,
        };
        let membership = |hash| match found.get(hash) {
            Some(item) => schema::membership(item).map_err(|e| e.at(self.client.config.describe_table())),
            None => Ok(Membership::empty()),
        };
        BatchResult::new(hashes, hashes.iter().map(membership).collect())
    }

    async fn read_one(&self, hash: ContextHash) -> Result<Option<Item>> {
        let (table, consistent) = (&self.client.config.table, self.is_consistent());
        let request = self.client.request(READING, |client| {
            let key = self.schema.membership_key(hash);
            client.get_item().table_name(table).set_key(Some(key)).consistent_read(consistent).send()
        });
        Ok(request.await?.item)
    }

    /// Reads contexts, each once, in as few requests as are permitted.
    async fn read_many(&self, hashes: &[ContextHash]) -> Result<HashMap<ContextHash, Item>> {
        let mut hashes = hashes.to_vec();
        hashes.sort_unstable();
        hashes.dedup();
        if self.may_batch() {
            let batches = hashes.chunks(MAX_BATCH).map(|batch| self.read_batch(batch));
            if let Some(found) = try_join_all(batches).await?.into_iter().collect::<Option<Vec<_>>>() {
                return Ok(found.into_iter().flatten().collect());
            }
        }
        let singles = hashes
            .into_iter()
            .map(|hash| async move { Ok(self.read_one(hash).await?.map(|item| (hash, item))) });
        let found: Result<Vec<_>> = stream::iter(singles).buffer_unordered(MAX_SINGLES).try_collect().await;
        Ok(found?.into_iter().flatten().collect())
    }

    /// Reads up to [`MAX_BATCH`] contexts; `None` when that is not permitted.
    async fn read_batch(&self, hashes: &[ContextHash]) -> Result<Option<Vec<(ContextHash, Item)>>> {
        let config = &self.client.config;
        let deadline = Clock::System.now().after(config.response_timeout);
        let mut found = Vec::with_capacity(hashes.len());
        let mut keys: Vec<Item> = hashes.iter().map(|hash| self.schema.membership_key(*hash)).collect();
        for attempt in 0.. {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut keys)))
                .consistent_read(self.is_consistent())
                .build()
                .expect("keys are given");
            let answer = self
                .client
                .send(|client| client.batch_get_item().request_items(&config.table, wanted.clone()).send())
                .await?;
            let answer = match answer {
                Ok(answer) => answer,
                Err(e) if is_denied(&e) => {
                    self.deny_batches(config.request_error(READING_BATCH, &e).message());
                    return Ok(None);
                }
                Err(e) => return Err(config.request_error(READING_BATCH, &e)),
            };
            let items = answer.responses.into_iter().flatten().flat_map(|(_, items)| items);
            found.extend(items.filter_map(|item| Some((schema::hash(&item)?, item))));
            // DynamoDB leaves keys over for lack of capacity, or because the answer would be too
            // long.
            keys = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, left)| left.keys).collect();
            if keys.is_empty() {
                break;
            }
            let pause = RETRY_BACKOFF.equal_jitter(attempt);
            if Clock::System.now().after(pause) >= deadline {
                let what =
                    format!("{} of {} contexts were left unread again and again", keys.len(), hashes.len());
                return Err(config.error(ErrorKind::StoreThrottled, READING_BATCH.name, &what));
            }
            self.client.pause(pause).await;
        }
        *self.denied.lock() = None;
        Ok(Some(found))
    }

    fn may_batch(&self) -> bool {
        self.denied.lock().as_ref().is_none_or(|denial| Clock::System.now() >= denial.retry_at)
    }

    fn deny_batches(&self, reason: &str) {
        let retry_at = Clock::System.now().after(DENIED_PAUSE);
        *self.denied.lock() = Some(Denial { reason: reason.to_owned(), retry_at });
    }

    async fn read_metadata(&self) -> Result<Metadata> {
        let table = &self.client.config.table;
        let request = self.client.request(READING_METADATA, |client| {
            let key = self.schema.metadata_key();
            client.get_item().table_name(table).set_key(Some(key)).consistent_read(true).send()
        });
        let item = request.await?.item;
        let synchronized_on = self.schema.synchronized_on(item.as_ref());
        Ok(Metadata {
            synchronized_on: synchronized_on.map_err(|e| e.at(self.client.config.describe_table()))?,
        })
    }
}

fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.as_service_error().and_then(|e| e.code()) == Some("AccessDeniedException")
}

impl StoreReader for DynamoDbReader {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        Box::pin(self.within_timeout(READING, self.read(hashes)))
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(self.within_timeout(READING_METADATA, self.read_metadata()))
    }

    fn limitations(&self) -> Vec<Limitation> {
        let denied = self.denied.lock();
        let limitation = |denial: &Denial| Limitation {
            feature: Limitation::BATCHED_READS,
            reason: denial.reason.clone(),
        };
        denied.iter().map(limitation).collect()
    }
}
