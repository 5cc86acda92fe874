use super::bulk_load::BulkLoad;
use super::client::TableClient;
use super::config::DynamoDbConfig;
use super::schema::Schema;
use super::table_writer::TableWriter;
use crate::error::Result;
use crate::patch::{Patch, PatchOutcome};
use crate::store::{Cursor, LoadPlan, LoadReport, LoadSource, StoreWriter};

/// Writes a store in DynamoDB, with the actions `ConditionCheckItem`, `GetItem` and `UpdateItem`
/// only.
///
/// A load that replaces a segment also uses `Query`.
///
/// The writer connects on the first use. Any number of writers, in any processes, may write to one
/// store.
pub struct DynamoDbWriter(TableWriter);

impl DynamoDbWriter {
    /// Creates a writer, which does not connect yet.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when the machine refuses more threads.
    pub fn new(config: DynamoDbConfig) -> Result<Self> {
        let schema = Schema::new(&config.prefix);
        let timeout = config.writer_timeout();
        Ok(Self(TableWriter { client: TableClient::new(config, timeout)?, schema }))
    }

    fn block_on<T>(&self, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        pollster::block_on(self.0.client.on_runtime(work))
    }
}

impl StoreWriter for DynamoDbWriter {
    fn cursor(&self) -> Result<Option<String>> {
        self.block_on(self.0.cursor())
    }

    /// Applies the patch in transactions, each of which checks that the cursor is still where the
    /// patch needs it. The cursor moves in a last write of its own, after all of them have
    /// succeeded.
    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        self.block_on(self.0.apply(patch, cursor))
    }

    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        self.block_on(self.0.set_synchronized_on(unix_millis))
    }

    fn has_sync_time(&self) -> Result<bool> {
        self.block_on(self.0.has_sync_time())
    }

    fn forget_cursor(&self) -> Result<()> {
        self.block_on(self.0.forget_cursor())
    }

    /// Loads the list with one update for each context, or two when it is included and excluded.
    ///
    /// A failure leaves what was written, and the sync time unchanged; loading the same list again
    /// completes it. Replacing a segment removes its members first, so the segment is incomplete
    /// until the load has finished.
    ///
    /// # Errors
    /// [`ErrorKind::StorePermission`](crate::ErrorKind::StorePermission) if a segment is to be
    /// replaced and `Query` is not permitted. Nothing has been changed then.
    fn load(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport> {
        let load = BulkLoad::new(&self.0);
        let replaced = match &plan.replace {
            Some(segment) => load.remove_segment(segment)?,
            None => 0,
        };
        let contexts = load.write(plan, contexts, progress)?;
        self.set_synchronized_on(plan.synchronized_on)?;
        Ok(LoadReport { contexts, replaced })
    }
}
