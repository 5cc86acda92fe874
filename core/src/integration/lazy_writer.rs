use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::Result;
use crate::patch::{Patch, PatchOutcome};
use crate::store::{Cursor, LoadPlan, LoadReport, LoadSource, StoreConfig, StoreWriter};

/// A writer that opens its store at the first call, and at each further one while that fails. A
/// store that cannot be opened is thereby an error like any other: the worker reports and retries
/// it.
pub(super) struct LazyWriter {
    store: StoreConfig,
    writer: Mutex<Option<Arc<dyn StoreWriter>>>,
}

impl LazyWriter {
    pub(super) fn new(store: StoreConfig) -> Self {
        Self { store, writer: Mutex::default() }
    }

    fn writer(&self) -> Result<Arc<dyn StoreWriter>> {
        if let Some(writer) = &*self.writer.lock() {
            return Ok(writer.clone());
        }
        let opened = self.store.writer()?;
        Ok(self.writer.lock().get_or_insert(opened).clone())
    }
}

impl StoreWriter for LazyWriter {
    fn cursor(&self) -> Result<Option<String>> {
        self.writer()?.cursor()
    }
    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        self.writer()?.apply(patch, cursor)
    }
    fn apply_all(&self, patches: &[Patch]) -> Result<Vec<PatchOutcome>> {
        self.writer()?.apply_all(patches)
    }
    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        self.writer()?.set_synchronized_on(unix_millis)
    }
    fn has_sync_time(&self) -> Result<bool> {
        self.writer()?.has_sync_time()
    }
    fn forget_cursor(&self) -> Result<()> {
        self.writer()?.forget_cursor()
    }
    fn load(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport> {
        self.writer()?.load(plan, contexts, progress)
    }
}
