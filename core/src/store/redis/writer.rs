use std::sync::Arc;

use parking_lot::Mutex;
use redis::Pipeline;

use super::bulk_load;
use super::client::RedisClient;
use super::config::{ReadFrom, RedisConfig};
use super::keys::Keys;
use super::net::Connector;
use super::patch::{ApplyStrategy, READING_CURSOR};
use super::replies::{READING_SYNC_TIME, decode_string};
use super::retry::RetryBudget;
use crate::error::Result;
use crate::patch::{Patch, PatchOutcome};
use crate::store::{Cursor, LoadPlan, LoadReport, LoadSource, StoreWriter};

const WRITING_SYNC_TIME: &str = "writing the sync time";

/// Writes a store in Redis, with the commands `GET SET SADD SREM DEL WATCH MULTI EXEC` only.
///
/// A load that replaces a segment also uses `SCAN`. In a cluster, `PING` is added, and with the
/// permission `CLUSTER` and `ASKING`.
///
/// The writer connects on the first use. Any number of writers, in any processes, may write to one
/// store.
pub struct RedisWriter {
    client: Arc<RedisClient>,
    keys: Keys,
    strategy: Mutex<ApplyStrategy>,
}

impl RedisWriter {
    /// Creates a writer, which does not connect yet.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the operating system refuses more
    /// threads.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let keys = Keys::new(&config.prefix);
        let client = Arc::new(RedisClient::new(Connector::new(config)?, ReadFrom::Master));
        let strategy = Mutex::new(ApplyStrategy::new(&client, &keys));
        Ok(Self { client, keys, strategy })
    }

    fn budget(&self) -> RetryBudget {
        RetryBudget::for_writer(self.client.config())
    }

    fn get(&self, operation: &'static str, key: &str) -> Result<Option<String>> {
        let mut commands = Pipeline::new();
        commands.cmd("GET").arg(key);
        let replies = pollster::block_on(self.client.execute(operation, &commands, &self.budget()))?;
        let reply = replies.into_iter().next().transpose()?;
        decode_string(self.client.config(), operation, reply.as_ref())
    }
}

impl StoreWriter for RedisWriter {
    fn cursor(&self) -> Result<Option<String>> {
        self.get(READING_CURSOR, &self.keys.cursor)
    }

    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        pollster::block_on(self.strategy.lock().apply(patch, cursor))
    }

    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        let mut commands = Pipeline::new();
        commands.cmd("SET").arg(&self.keys.synchronized_on).arg(unix_millis);
        let budget = self.budget();
        pollster::block_on(self.client.execute_checked(WRITING_SYNC_TIME, &commands, &budget)).map(drop)
    }

    fn has_sync_time(&self) -> Result<bool> {
        Ok(self.get(READING_SYNC_TIME, &self.keys.synchronized_on)?.is_some())
    }

    fn forget_cursor(&self) -> Result<()> {
        pollster::block_on(self.strategy.lock().forget_cursor())
    }

    /// Loads the list in pipelines.
    ///
    /// A failure leaves what was written, and the sync time unchanged; loading the same list again
    /// completes it. Replacing a segment removes its members first, so the segment is incomplete
    /// until the load has finished.
    ///
    /// # Errors
    /// [`ErrorKind::StorePermission`](crate::ErrorKind::StorePermission) if a segment is to be
    /// replaced and the user lacks the permission `SCAN`. Nothing has been changed then.
    fn load(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport> {
        let report = bulk_load::load(&self.client, &self.keys, plan, contexts, progress)?;
        self.set_synchronized_on(plan.synchronized_on)?;
        Ok(report)
    }
}
