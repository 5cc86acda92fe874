//! What a store is, to the rest of the engine: a reader, a writer, and for tools a scanner.

mod blocking_adapter;
mod config;
mod identity;
mod options;
mod parse;

#[cfg(feature = "dynamodb")]
pub mod dynamodb;
pub mod local;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;

pub use blocking_adapter::{BlockingStore, Offload};
pub use config::{Backend, StoreConfig};
pub use options::{OptionType, OptionValue, StoreOption};
pub use parse::StoreName;

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::patch::{Patch, PatchOutcome};
use crate::runtime::BoxFuture;
use crate::segment_ref::SegmentRef;

/// What a store says about itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Metadata {
    /// When the store was last known to match its source, in Unix milliseconds; `None` = never.
    pub synchronized_on: Option<i64>,
}

/// The read side of a store. Called concurrently, from the engine's threads only.
///
/// The batch is the primitive: a lookup is a batch of one. Readers do not cache, coalesce or retry; that is done
/// once, above them, for all stores.
pub trait StoreReader: Send + Sync + 'static {
    /// Answers in the order of `hashes`; a context without rows has an empty membership.
    ///
    /// The outer error means the store failed; an inner one means that this context alone has data the schema does
    /// not allow, which must not spoil the answers of the others in the batch.
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash])
    -> BoxFuture<'a, Result<Vec<Result<Membership>>>>;

    /// Reads the store's metadata; doubles as the health check.
    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>>;

    /// Returns the reader's other face when it answers from this process's own memory or page cache, in
    /// microseconds: the engine then asks on the caller's thread, without its runtime.
    fn in_place(&self) -> Option<&dyn InPlaceReader> {
        None
    }

    /// Tells `observer` of changes as they happen, for as long as the future is awaited; it never completes by itself.
    /// Nothing, for a store that cannot.
    fn follow_changes(&self, _observer: Arc<dyn ChangeObserver>) -> Option<BoxFuture<'_, ()>> {
        None
    }

    /// Returns what the store is doing without at the moment, because it was refused.
    fn limitations(&self) -> Vec<Limitation> {
        Vec::new()
    }

    /// Completes when no call into the store is under way any more.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Hears of changes in a store. Called on the store's own tasks, one call at a time; must not block.
///
/// A reader calls [`watching`](Self::watching) when no later change can escape it, and
/// [`not_watching`](Self::not_watching) as soon as one might.
pub trait ChangeObserver: Send + Sync + 'static {
    /// Every change from now on will be told. What was read before may be out of date (docs/spec.md#push-invalidation).
    fn watching(&self);

    /// Changes may go untold from now on.
    fn not_watching(&self);

    /// The memberships of these contexts may have changed.
    fn memberships_changed(&self, hashes: &[ContextHash]);

    /// Anything may have changed.
    fn everything_changed(&self);

    /// The store's metadata have changed.
    fn metadata_changed(&self);
}

/// Something a store could do better, if only it were allowed to: never fatal, and shown in the status (docs/spec.md#permissions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limitation {
    /// What the store does without; one of the constants of this type.
    pub feature: &'static str,
    /// Why, and what to do about it.
    pub reason: String,
}

impl Limitation {
    /// Hearing of changes as they happen; without it, answers are renewed when they expire.
    pub const PUSH_INVALIDATION: &'static str = "push_invalidation";
    /// Reading many contexts in one request; without it, each is read in one of its own.
    pub const BATCHED_READS: &'static str = "batched_reads";
}

/// Runs a call into a store; one that panics has failed, and fails only those who wait for it.
pub async fn guarded<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<&str>().copied();
        let words =
            words.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word");
        Err(Error::new(ErrorKind::Internal, format!("the store panicked: {words}")))
    })
}

/// Answers an asynchronous query of a store that also answers in place.
fn ask_in_place(reader: &dyn InPlaceReader, hashes: &[ContextHash]) -> Result<Vec<Result<Membership>>> {
    let mut memberships = vec![Membership::empty(); hashes.len()];
    reader.read(hashes, &mut memberships)?;
    Ok(memberships.into_iter().map(Ok).collect())
}

/// A reader whose answers are not worth waiting for on another thread.
pub trait InPlaceReader: Send + Sync {
    /// Writes the membership of `hashes[i]` to `memberships[i]`; both have the same length.
    fn read(&self, hashes: &[ContextHash], memberships: &mut [Membership]) -> Result<()>;

    /// Reads the store's metadata.
    fn read_metadata(&self) -> Result<Metadata>;
}

/// The write side of a store. Every method blocks until the store has answered; callers use a thread of their own.
pub trait StoreWriter: Send + Sync + 'static {
    /// Returns the version of the last patch applied, or `None` when the store holds no cursor.
    fn cursor(&self) -> Result<Option<String>>;

    /// Applies a patch if the cursor allows it; the cursor moves last (docs/spec.md#cursor).
    ///
    /// # Errors
    /// Any failure leaves the cursor where it was, so that applying the same patch again completes it.
    fn apply(&self, patch: &Patch) -> Result<PatchOutcome>;

    /// Applies a part of a patch that is too large for one call, if the cursor allows the patch; the cursor stays. The last
    /// part goes through [`apply`](Self::apply), which moves it.
    ///
    /// # Errors
    /// As for `apply`.
    fn apply_part(&self, part: &Patch) -> Result<PatchOutcome>;

    /// Applies patches in their order up to the first that does not apply, and returns an outcome for each that was
    /// tried. A store overrides this if it is quicker at several together.
    ///
    /// # Errors
    /// As for `apply`; patches at the beginning may have been applied, and the cursor says which.
    fn apply_all(&self, patches: &[Patch]) -> Result<Vec<PatchOutcome>> {
        let mut outcomes = Vec::with_capacity(patches.len());
        for patch in patches {
            let outcome = self.apply(patch)?;
            outcomes.push(outcome);
            if outcome.is_refusal() {
                break;
            }
        }
        Ok(outcomes)
    }

    /// Declares the store up to date as of that time, in Unix milliseconds.
    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()>;

    /// Returns whether a sync time was ever written, even one that says "never": a store that was wiped has none.
    fn has_sync_time(&self) -> Result<bool>;

    /// Takes the cursor away, so that whoever keeps the store in step fills it from the beginning; all else stays.
    fn forget_cursor(&self) -> Result<()>;

    /// Writes a whole list, and then declares the store synchronised.
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

/// Walks everything a store holds, for statistics and export.
pub trait StoreScanner: Send + Sync + 'static {
    /// Calls `visit` for each context until it breaks; blocks meanwhile.
    fn scan(&self, visit: &mut dyn FnMut(ContextHash, Membership) -> ControlFlow<()>) -> Result<()>;
}

/// What a bulk load is to do.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// The refs that [`LoadEntry`] counts.
    pub refs: Vec<SegmentRef>,
    /// The segment whose present members are forgotten first; `None` merges into what is there.
    pub replace: Option<SegmentRef>,
    /// The time at which the store is declared synchronised, in Unix milliseconds.
    pub synchronized_on: i64,
}

/// One membership of a bulk load: an index into [`LoadPlan::refs`], and include or exclude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadEntry {
    /// Index into [`LoadPlan::refs`].
    pub segment: u32,
    /// Whether the context is excluded rather than included.
    pub excluded: bool,
}

/// The contexts of a bulk load, each once, in the order of their hashes.
pub trait LoadSource {
    /// Puts the next context's entries into `entries`, which it clears first; `None` = no more.
    fn next(&mut self, entries: &mut Vec<LoadEntry>) -> Result<Option<ContextHash>>;
}

/// What a bulk load did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Contexts in the list.
    pub contexts: u64,
    /// Contexts that were in the replaced segment before.
    pub replaced: u64,
}

/// Reads a sync time as stores hold it (docs/spec.md#sync-time): absent, empty and `0` mean "never".
///
/// # Errors
/// [`ErrorKind::StoreData`] when it is anything but a decimal integer.
pub fn parse_synchronized_on(text: Option<&str>) -> Result<Option<i64>> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => match text.parse::<i64>() {
            Ok(0) => Ok(None),
            Ok(millis) => Ok(Some(millis)),
            Err(_) => Err(Error::new(
                ErrorKind::StoreData,
                format!(
                    "the store's synchronised-on time is {text:?}, not a decimal number of milliseconds; \
                     whatever keeps the store in sync must rewrite it"
                ),
            )),
        },
    }
}
