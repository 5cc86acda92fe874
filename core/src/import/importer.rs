//! Collects the memberships of an import and writes them to the store.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::sorter::{Sorted, Sorter};
use crate::clock::Clock;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;
use crate::store::{Entry, LoadEntry, LoadPlan, LoadReport, LoadSource, StoreWriter};

/// The options of an import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The segment whose earlier members are removed; by default the list is merged into the store.
    pub replace: Option<SegmentRef>,
    /// Contexts that an interrupted import of the same lists has written
    /// ([`ImportProgress::contexts`]). They are skipped, and no member is removed again. Default:
    /// 0.
    pub resume_after: u64,
    /// Memberships held in memory, at 40 bytes each. Default: 4,000,000.
    pub records_in_memory: usize,
    /// The directory for temporary files with the rest. Default: that of the system.
    pub temporary_directory: PathBuf,
    /// The clock that the sync time is read from.
    pub clock: Clock,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            replace: None,
            resume_after: 0,
            records_in_memory: 4_000_000,
            temporary_directory: std::env::temp_dir(),
            clock: Clock::System,
        }
    }
}

/// Collects a list. Nothing is written to the store before [`Import::finish`]; dropping it writes
/// nothing.
///
/// An imported membership replaces its opposite: importing "excluded" removes the context from the
/// included ones of the segment. If a list has both, included wins.
pub struct Import {
    writer: Arc<dyn StoreWriter>,
    options: ImportOptions,
    segments: HashMap<SegmentRef, u32>,
    refs: Vec<SegmentRef>,
    sorter: Sorter,
    memberships: u64,
}

/// The progress of writing an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportProgress {
    /// Contexts that the store has confirmed so far: the first ones of the list in the order of the
    /// hashes.
    pub contexts: u64,
    /// Memberships written so far, of [`Import::len`].
    pub memberships: u64,
}

/// The result of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// Memberships added to the list, duplicates included.
    pub memberships: u64,
    /// Contexts in the list.
    pub contexts: u64,
    /// Contexts in the replaced segment before the import.
    pub replaced: u64,
}

impl Import {
    /// Creates an empty import.
    pub fn new(writer: Arc<dyn StoreWriter>, options: ImportOptions) -> Self {
        let sorter = Sorter::new(options.records_in_memory, options.temporary_directory.clone());
        Self { writer, options, segments: HashMap::new(), refs: Vec::new(), sorter, memberships: 0 }
    }

    /// Adds a membership to the list.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSegmentRef`], after which the import can continue; or
    /// [`ErrorKind::StoreFull`] if there is no space for a temporary file.
    pub fn add(&mut self, hash: ContextHash, segment_ref: &str, entry: Entry) -> Result<()> {
        let segment = match self.segments.get(segment_ref) {
            Some(segment) => *segment,
            None => {
                let parsed = SegmentRef::parse(segment_ref)?;
                let segment = self.refs.len() as u32;
                self.refs.push(parsed.clone());
                self.segments.insert(parsed, segment);
                segment
            }
        };
        self.sorter.add(hash, LoadEntry { segment, entry })?;
        self.memberships += 1;
        Ok(())
    }

    /// Returns the number of memberships added.
    pub fn len(&self) -> u64 {
        self.memberships
    }

    /// Returns whether no membership was added.
    pub fn is_empty(&self) -> bool {
        self.memberships == 0
    }

    /// Writes the list and sets the sync time; `progress` is called while it writes.
    ///
    /// # Errors
    /// Any error of the store. A memory or embedded store is then unchanged; other stores may keep
    /// a part ([`StoreConfig::loads_atomically`](crate::StoreConfig::loads_atomically)).
    pub fn finish(self, progress: &mut dyn FnMut(ImportProgress)) -> Result<ImportReport> {
        let skipped = self.options.resume_after;
        let plan = LoadPlan {
            refs: self.refs,
            replace: self.options.replace.filter(|_| skipped == 0),
            synchronized_on: self.options.clock.unix_millis(),
        };
        let done = Cell::new(0);
        let mut contexts = CountingSource { source: self.sorter.finish()?, memberships: &done };
        let mut entries = Vec::new();
        for number in 0..skipped {
            if contexts.next(&mut entries)?.is_none() {
                let message = format!(
                    "the lists have {number} contexts, fewer than the {skipped} of resume_after; use the lists of the interrupted import"
                );
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
        }
        let mut report =
            |contexts| progress(ImportProgress { contexts: skipped + contexts, memberships: done.get() });
        let LoadReport { contexts, replaced } = self.writer.load(&plan, &mut contexts, &mut report)?;
        let contexts = skipped + contexts;
        // The sorter drops duplicates, which are not counted until here.
        progress(ImportProgress { contexts, memberships: self.memberships });
        Ok(ImportReport { memberships: self.memberships, contexts, replaced })
    }
}

/// Counts the memberships that the store reads from the list.
struct CountingSource<'a> {
    source: Sorted,
    memberships: &'a Cell<u64>,
}

impl LoadSource for CountingSource<'_> {
    fn next(&mut self, entries: &mut Vec<LoadEntry>) -> Result<Option<ContextHash>> {
        let context = self.source.next(entries)?;
        self.memberships.set(self.memberships.get() + entries.len() as u64);
        Ok(context)
    }
}
