use std::ops::Bound;
use std::sync::Arc;

use heed::{PutFlags, RwTxn};

use super::config::LocalConfig;
use super::environment::Environment;
use super::error::{failure, write_failure};
use super::tables::{CURSOR, Row, SYNCHRONIZED_ON, Tables};
use crate::error::{Error, ErrorKind, Result};
use crate::patch::{Patch, PatchOutcome};
use crate::segment_ref::SegmentRef;
use crate::store::{Cursor, Entry, LoadEntry, LoadPlan, LoadReport, LoadSource, StoreWriter};

/// The number of contexts between two progress reports.
const PROGRESS_STEP: u64 = 4096;
/// The number of members of a replaced segment that are removed in one batch.
const FORGET_PORTION: usize = 65_536;

/// Writes an embedded store. Each call is one atomic and durable transaction, also under `kill -9`.
///
/// Several writers, in one process or many, may be open. A call blocks while another transaction is
/// open.
pub struct LocalWriter {
    environment: Arc<Environment>,
}

impl LocalWriter {
    /// Opens the store, and creates it if it does not exist.
    ///
    /// # Errors
    /// [`ErrorKind::StoreFormat`] if the file is not a store or is damaged;
    /// [`ErrorKind::StoreNotFound`] if the directory does not exist;
    /// [`ErrorKind::StorePermission`]; [`ErrorKind::StoreFull`].
    pub fn open(config: &LocalConfig) -> Result<Self> {
        Ok(Self { environment: Environment::open_or_create(config)? })
    }

    /// Runs `write` in a transaction and commits it if it succeeds.
    fn transact<T>(&self, write: impl FnOnce(&Tables, &mut RwTxn) -> Result<T, WriteError>) -> Result<T> {
        let environment = &*self.environment;
        environment.check_process()?;
        environment.check_place()?;
        let run = || -> Result<T, WriteError> {
            environment.env.clear_stale_readers()?;
            let mut txn = environment.env.write_txn()?;
            let value = write(&environment.tables, &mut txn)?;
            txn.commit()?;
            Ok(value)
        };
        let value = run().map_err(|e| match e {
            WriteError::Ours(e) => e,
            WriteError::Storage(e) => write_failure(environment.path(), &e),
        })?;
        environment.lengthen();
        Ok(value)
    }

    fn metadata(&self, name: &str) -> Result<Option<String>> {
        let reading = |e| failure(&format!("reading {}", self.environment.path().display()), &e);
        self.environment.check_process()?;
        self.environment.check_place()?;
        let txn = self.environment.env.read_txn().map_err(reading)?;
        let value = self.environment.tables.metadata.get(&txn, name).map_err(reading)?;
        Ok(value.map(str::to_owned))
    }
}

/// An error inside a transaction: of this library, or of LMDB, which is not converted yet.
enum WriteError {
    Ours(Error),
    Storage(heed::Error),
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<heed::Error> for WriteError {
    fn from(error: heed::Error) -> Self {
        Self::Storage(error)
    }
}

impl Tables {
    /// Returns the number of a segment, and assigns one if it has none.
    fn number_segment(&self, txn: &mut RwTxn, segment: &SegmentRef) -> Result<u32, WriteError> {
        // The limit of LMDB for a key is 511 bytes; refs usually have 20 to 40.
        if segment.as_str().len() > 500 {
            let bytes = segment.as_str().len();
            return Err(Error::new(
                ErrorKind::InvalidSegmentRef,
                format!("a segment ref of {bytes} bytes is too long for an embedded store (500)"),
            )
            .into());
        }
        if let Some(number) = self.segment_numbers.get(txn, segment.as_str())? {
            return Ok(number);
        }
        let number = self.segments.len(txn)? as u32;
        self.segments.put(txn, &number, segment.as_str())?;
        self.segment_numbers.put(txn, segment.as_str(), &number)?;
        Ok(number)
    }

    fn row(&self, txn: &RwTxn, hash: &[u8]) -> Result<Row, WriteError> {
        match self.memberships.get(txn, hash)? {
            Some(bytes) => Ok(Row::decode(bytes)?),
            None => Ok(Row::default()),
        }
    }

    fn put_row(
        &self,
        txn: &mut RwTxn,
        hash: &[u8],
        row: &mut Row,
        bytes: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        if row.is_empty() {
            self.memberships.delete(txn, hash)?;
        } else {
            bytes.clear();
            row.encode(bytes);
            // Most rows of a repeated import are unchanged, and unchanged pages need no write.
            if self.memberships.get(txn, hash)? != Some(bytes) {
                self.memberships.put(txn, hash, bytes)?;
            }
        }
        Ok(())
    }

    /// Applies a patch if the cursor allows it.
    fn apply(&self, txn: &mut RwTxn, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome, WriteError> {
        let segment = patch.segment_ref()?;
        let outcome = patch.outcome_on(self.metadata.get(txn, CURSOR)?);
        if outcome != PatchOutcome::Applied {
            return Ok(outcome);
        }
        let number = self.number_segment(txn, &segment)?;
        let mut bytes = Vec::new();
        for (hash, change) in patch.context_changes() {
            let mut row = self.row(txn, hash.as_bytes())?;
            Row::change(&mut row.included, number, change.included);
            Row::change(&mut row.excluded, number, change.excluded);
            self.put_row(txn, hash.as_bytes(), &mut row, &mut bytes)?;
        }
        if cursor == Cursor::Advance {
            self.metadata.put(txn, CURSOR, &patch.version)?;
        }
        Ok(outcome)
    }

    /// Removes a segment from every context. Returns how many had it.
    fn forget_segment(&self, txn: &mut RwTxn, segment: u32) -> Result<u64, WriteError> {
        let (mut forgotten, mut bytes) = (0, Vec::new());
        let mut from = vec![0; 32];
        loop {
            // In batches, because rows cannot be written during an iteration over them.
            let mut members = Vec::new();
            for entry in self.memberships.range(txn, &(Bound::Included(&from[..]), Bound::Unbounded))? {
                let (hash, row) = entry?;
                if Row::decode(row)?.forget(segment) {
                    members.push(hash.to_vec());
                    if members.len() == FORGET_PORTION {
                        break;
                    }
                }
            }
            for hash in &members {
                let mut row = self.row(txn, hash)?;
                row.forget(segment);
                self.put_row(txn, hash, &mut row, &mut bytes)?;
            }
            forgotten += members.len() as u64;
            match members.pop() {
                Some(last) if members.len() + 1 == FORGET_PORTION => from = last,
                _ => return Ok(forgotten),
            }
        }
    }
}

/// Applies the entries of a list to the row of their context; included wins over excluded.
fn merge(row: &mut Row, entries: &[LoadEntry], numbers: &[u32]) {
    for entry in entries.iter().rev() {
        let number = numbers[entry.segment as usize];
        Row::change(&mut row.included, number, Some(entry.entry == Entry::Include));
        Row::change(&mut row.excluded, number, Some(entry.entry == Entry::Exclude));
    }
}

impl StoreWriter for LocalWriter {
    fn cursor(&self) -> Result<Option<String>> {
        self.metadata(CURSOR)
    }

    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        self.transact(|tables, txn| tables.apply(txn, patch, cursor))
    }

    /// Applies the patches in one transaction, up to the first that is refused. An error applies
    /// none.
    fn apply_all(&self, patches: &[Patch]) -> Result<Vec<PatchOutcome>> {
        self.transact(|tables, txn| {
            let mut outcomes = Vec::with_capacity(patches.len());
            for patch in patches {
                let outcome = tables.apply(txn, patch, Cursor::Advance)?;
                outcomes.push(outcome);
                if outcome.is_refusal() {
                    break;
                }
            }
            Ok(outcomes)
        })
    }

    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        self.transact(|tables, txn| {
            Ok(tables.metadata.put(txn, SYNCHRONIZED_ON, &unix_millis.to_string())?)
        })
    }

    fn has_sync_time(&self) -> Result<bool> {
        Ok(self.metadata(SYNCHRONIZED_ON)?.is_some())
    }

    fn forget_cursor(&self) -> Result<()> {
        self.transact(|tables, txn| Ok(tables.metadata.delete(txn, CURSOR).map(drop)?))
    }

    /// Loads the list in one transaction: a failure or a crash leaves the store unchanged.
    fn load(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport> {
        self.transact(|tables, txn| {
            let numbers =
                plan.refs.iter().map(|r| tables.number_segment(txn, r)).collect::<Result<Vec<_>, _>>()?;
            let replaced = plan.replace.as_ref().map(|r| tables.number_segment(txn, r)).transpose()?;
            let replaced = replaced.map_or(Ok(0), |number| tables.forget_segment(txn, number))?;
            // Rows are sorted, so an empty table takes them by appending, which fills its pages.
            let append = tables.memberships.is_empty(txn)?;
            let mut report = LoadReport { contexts: 0, replaced };
            let (mut entries, mut bytes) = (Vec::new(), Vec::new());
            while let Some(hash) = contexts.next(&mut entries)? {
                let mut row = if append { Row::default() } else { tables.row(txn, hash.as_bytes())? };
                merge(&mut row, &entries, &numbers);
                if append {
                    bytes.clear();
                    row.encode(&mut bytes);
                    tables.memberships.put_with_flags(txn, PutFlags::APPEND, hash.as_bytes(), &bytes)?;
                } else {
                    tables.put_row(txn, hash.as_bytes(), &mut row, &mut bytes)?;
                }
                report.contexts += 1;
                if report.contexts.is_multiple_of(PROGRESS_STEP) {
                    progress(report.contexts);
                }
            }
            tables.metadata.put(txn, SYNCHRONIZED_ON, &plan.synchronized_on.to_string())?;
            progress(report.contexts);
            Ok(report)
        })
    }
}
