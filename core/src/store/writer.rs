//! The write side of a store: what every backend implements for patches and bulk loads.

use std::str::FromStr;

use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::patch::{Patch, PatchOutcome};
use crate::segment_ref::SegmentRef;

/// The write side of a store. Every method blocks until the store has answered; callers use a
/// thread of their own.
pub trait StoreWriter: Send + Sync + 'static {
    /// Returns the version of the last patch applied, or `None` when the store holds no cursor.
    fn cursor(&self) -> Result<Option<String>>;

    /// Applies a patch if the store's cursor allows it (docs/spec.md#writing). With
    /// [`Cursor::Advance`] the cursor moves last; with [`Cursor::Keep`] it stays, because the patch
    /// is one part of a patch that is too large for one call.
    ///
    /// # Errors
    /// A failure leaves the cursor where it was, so that applying the same patch again completes
    /// it.
    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome>;

    /// Applies patches in their order, up to the first that is refused, and returns an outcome for
    /// each that was tried. A store overrides this if it is faster at several together.
    ///
    /// # Errors
    /// As for [`apply`](Self::apply); patches at the beginning may have been applied, as the cursor
    /// shows.
    fn apply_all(&self, patches: &[Patch]) -> Result<Vec<PatchOutcome>> {
        let mut outcomes = Vec::with_capacity(patches.len());
        for patch in patches {
            let outcome = self.apply(patch, Cursor::Advance)?;
            outcomes.push(outcome);
            if outcome.is_refusal() {
                break;
            }
        }
        Ok(outcomes)
    }

    /// Sets the sync time: the store was up to date then, in Unix milliseconds.
    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()>;

    /// Returns whether a sync time was ever written, even one that says "never": a store that was
    /// wiped has none.
    fn has_sync_time(&self) -> Result<bool>;

    /// Deletes the cursor, so that a sync worker loads the store again; the memberships stay.
    fn forget_cursor(&self) -> Result<()>;

    /// Writes a whole list, and then the sync time.
    ///
    /// # Errors
    /// Each store documents what a failure leaves behind.
    fn load(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport>;
}

/// What becomes of the store's cursor when a patch applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// It moves to the patch's version.
    Advance,
    /// It stays: the patch is one part of a larger one.
    Keep,
}

/// The instructions of a bulk load.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// The refs that [`LoadEntry::segment`] is an index into.
    pub refs: Vec<SegmentRef>,
    /// The segment whose present members are removed first; `None` merges the list into the store.
    pub replace: Option<SegmentRef>,
    /// The sync time to write, in Unix milliseconds.
    pub synchronized_on: i64,
}

/// Whether a list includes a context in a segment or excludes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entry {
    /// The context is included.
    Include,
    /// The context is excluded.
    Exclude,
}

impl FromStr for Entry {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "include" => Ok(Self::Include),
            "exclude" => Ok(Self::Exclude),
            _ => {
                let message = format!("entry is {text:?}; it must be \"include\" or \"exclude\"");
                Err(Error::new(ErrorKind::InvalidArgument, message))
            }
        }
    }
}

/// One membership of a bulk load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadEntry {
    /// Index into [`LoadPlan::refs`].
    pub segment: u32,
    /// Whether the list includes or excludes the context.
    pub entry: Entry,
}

/// Returns the segments that a context's entries include it in, or exclude it from; included wins
/// over excluded.
#[cfg(any(feature = "dynamodb", feature = "redis"))]
pub(super) fn effective_segments<'a>(
    entries: &'a [LoadEntry],
    entry: Entry,
    refs: &'a [SegmentRef],
) -> impl Iterator<Item = &'a SegmentRef> {
    let is_included = |segment| entries.contains(&LoadEntry { segment, entry: Entry::Include });
    entries
        .iter()
        .filter(move |known| known.entry == entry && (entry == Entry::Include || !is_included(known.segment)))
        .map(|known| &refs[known.segment as usize])
}

/// The contexts of a bulk load, each once, in the order of their hashes.
pub trait LoadSource {
    /// Puts the next context's entries into `entries`, which it clears first; `None` = no more.
    fn next(&mut self, entries: &mut Vec<LoadEntry>) -> Result<Option<ContextHash>>;
}

/// The result of a bulk load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Contexts in the list.
    pub contexts: u64,
    /// Contexts that were in the replaced segment before.
    pub replaced: u64,
}
