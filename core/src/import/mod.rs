//! Fills a store from lists: collects them in any order, and hands the store each context once, sorted by hash.
//!
//! An [`Import`] may be far larger than memory; what does not fit is kept in temporary files.

mod csv_rows;
mod lines;
mod ndjson_lines;
mod sorter;

pub use lines::{BadLine, LineFormat, LineReader};

use std::cell::Cell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;
use crate::store::{LoadEntry, LoadPlan, LoadReport, LoadSource, StoreWriter};
use sorter::{Sorted, Sorter};

/// How an import goes about its work.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The segment whose present members are forgotten first; by default the list is merged into what is there.
    pub replace: Option<SegmentRef>,
    /// How many contexts an import of the very same lists has written before it was cut short
    /// ([`ImportProgress::contexts`]). They are passed over, and nobody is forgotten again. Default: 0.
    pub resume_after: u64,
    /// How many memberships are held in memory, at 40 bytes each. Default: 4,000,000.
    pub records_in_memory: usize,
    /// Where the rest is kept meanwhile. Default: the system's directory for temporary files.
    pub temporary_directory: PathBuf,
    /// Gives the time at which the store is declared synchronised.
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

/// A list being collected. Nothing is written to the store before [`Import::finish`]; dropping it writes nothing.
///
/// An imported membership takes the place of its opposite: importing "excluded" takes the context out of the
/// segment's included ones. If one list says both, included wins.
pub struct Import {
    writer: Arc<dyn StoreWriter>,
    options: ImportOptions,
    segments: HashMap<SegmentRef, u32>,
    refs: Vec<SegmentRef>,
    sorter: Sorter,
    memberships: u64,
}

/// How far an import has come with writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportProgress {
    /// Contexts that the store has confirmed so far: the first so many of the list in the order of their hashes.
    pub contexts: u64,
    /// Memberships written so far, of [`Import::len`].
    pub memberships: u64,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportReport {
    /// Memberships that were added to the list, repeats included.
    pub memberships: u64,
    /// Contexts in the list.
    pub contexts: u64,
    /// Contexts that were in the replaced segment before.
    pub replaced: u64,
}

impl Import {
    /// Begins an import.
    pub fn new(writer: Arc<dyn StoreWriter>, options: ImportOptions) -> Self {
        let sorter = Sorter::new(options.records_in_memory, options.temporary_directory.clone());
        Self { writer, options, segments: HashMap::new(), refs: Vec::new(), sorter, memberships: 0 }
    }

    /// Adds a membership to the list.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSegmentRef`], after which the import can go on; or
    /// [`ErrorKind::StoreFull`] when there is no room for a temporary file.
    pub fn add(&mut self, hash: ContextHash, segment_ref: &str, included: bool) -> Result<()> {
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
        self.sorter.add(hash, LoadEntry { segment, excluded: !included })?;
        self.memberships += 1;
        Ok(())
    }

    /// Returns how many memberships have been added.
    pub fn len(&self) -> u64 {
        self.memberships
    }

    /// Returns whether nothing has been added yet.
    pub fn is_empty(&self) -> bool {
        self.memberships == 0
    }

    /// Writes the list and declares the store synchronised; `progress` hears how far it is.
    ///
    /// # Errors
    /// Whatever the store reports. A memory or embedded store is then as it was before; each other store says what a
    /// failure leaves behind ([`StoreConfig::loads_atomically`](crate::StoreConfig::loads_atomically)).
    pub fn finish(self, progress: &mut dyn FnMut(ImportProgress)) -> Result<ImportReport> {
        let skipped = self.options.resume_after;
        let plan = LoadPlan {
            refs: self.refs,
            replace: self.options.replace.filter(|_| skipped == 0),
            synchronized_on: self.options.clock.unix_millis(),
        };
        let done = Cell::new(0);
        let mut contexts = Counted { source: self.sorter.finish()?, memberships: &done };
        let mut entries = Vec::new();
        for number in 0..skipped {
            if contexts.next(&mut entries)?.is_none() {
                let message = format!(
                    "the lists hold {number} contexts, fewer than the {skipped} that were written before; are they the same?"
                );
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
        }
        let mut report =
            |contexts| progress(ImportProgress { contexts: skipped + contexts, memberships: done.get() });
        let LoadReport { contexts, replaced } = self.writer.load(&plan, &mut contexts, &mut report)?;
        let contexts = skipped + contexts;
        // Repeats are dropped on the way and were not counted.
        progress(ImportProgress { contexts, memberships: self.memberships });
        Ok(ImportReport { memberships: self.memberships, contexts, replaced })
    }
}

/// Counts the memberships that a store takes.
struct Counted<'a> {
    source: Sorted,
    memberships: &'a Cell<u64>,
}

impl LoadSource for Counted<'_> {
    fn next(&mut self, entries: &mut Vec<LoadEntry>) -> Result<Option<ContextHash>> {
        let context = self.source.next(entries)?;
        self.memberships.set(self.memberships.get() + entries.len() as u64);
        Ok(context)
    }
}
