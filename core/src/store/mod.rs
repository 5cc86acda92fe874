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

use std::ops::{ControlFlow, Deref};
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
/// The batch is the primitive: a lookup is a batch of one. Readers do not cache, coalesce or retry; the engine does that
/// above them, once for all stores.
pub trait StoreReader: Send + Sync + 'static {
    /// Reads the memberships of `hashes`; a context without rows has an empty membership.
    ///
    /// # Errors
    /// The store failed. A context whose own data the schema does not allow fails alone, inside the result.
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>>;

    /// Reads the store's metadata; doubles as the health check.
    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>>;

    /// Returns the inline face of a reader that answers from this process's own memory or page cache, in microseconds.
    /// The engine then calls it on the caller's thread, without its runtime.
    fn as_inline(&self) -> Option<&dyn InlineReader> {
        None
    }

    /// Reports changes to `listener` as they happen, for as long as the future is polled; it never completes by itself.
    /// `None` for a store that cannot push.
    fn subscribe(&self, _listener: Arc<dyn ChangeListener>) -> Option<BoxFuture<'_, ()>> {
        None
    }

    /// Returns what the store has disabled at the moment, because it lacks a permission.
    fn limitations(&self) -> Vec<Limitation> {
        Vec::new()
    }

    /// Completes when no call into the store is in flight any more.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The memberships of a batch, in the order of its hashes. A context can fail alone.
#[derive(Debug, Clone)]
pub struct BatchResult(Vec<Result<Membership>>);

impl BatchResult {
    /// Takes one result for each of the hashes that were requested.
    ///
    /// # Errors
    /// [`ErrorKind::StoreData`] when there are more or fewer results than hashes.
    pub fn new(hashes: &[ContextHash], results: Vec<Result<Membership>>) -> Result<Self> {
        let (requested, returned) = (hashes.len(), results.len());
        if returned == requested {
            return Ok(Self(results));
        }
        let message = format!("the store answered {returned} of {requested} contexts");
        Err(Error::new(ErrorKind::StoreData, message))
    }

    /// Returns the results, in the order of the hashes.
    pub fn into_vec(self) -> Vec<Result<Membership>> {
        self.0
    }
}

impl Deref for BatchResult {
    type Target = [Result<Membership>];
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl IntoIterator for BatchResult {
    type Item = Result<Membership>;
    type IntoIter = std::vec::IntoIter<Result<Membership>>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A reader that answers faster than another thread could be woken.
pub trait InlineReader: Send + Sync {
    /// Writes the membership of `hashes[i]` to `memberships[i]`; both have the same length.
    fn read(&self, hashes: &[ContextHash], memberships: &mut [Membership]) -> Result<()>;

    /// Reads the store's metadata.
    fn read_metadata(&self) -> Result<Metadata>;
}

/// Answers an asynchronous query with an inline read.
fn query_inline(reader: &dyn InlineReader, hashes: &[ContextHash]) -> Result<BatchResult> {
    let mut memberships = vec![Membership::empty(); hashes.len()];
    reader.read(hashes, &mut memberships)?;
    BatchResult::new(hashes, memberships.into_iter().map(Ok).collect())
}

/// Called with the changes in a store, on the store's own tasks, one call at a time; must not block.
///
/// A reader calls [`connected`](Self::connected) once every later change will be reported, and
/// [`disconnected`](Self::disconnected) as soon as one might be missed.
pub trait ChangeListener: Send + Sync + 'static {
    /// Every change from now on will be reported. What was read before may be out of date (docs/spec.md#push-invalidation).
    fn connected(&self);

    /// Changes may be missed from now on.
    fn disconnected(&self);

    /// The memberships of these contexts may have changed.
    fn memberships_changed(&self, hashes: &[ContextHash]);

    /// Anything may have changed.
    fn everything_changed(&self);

    /// The store's metadata have changed.
    fn metadata_changed(&self);
}

/// A feature that a store disabled because it lacks a permission: never fatal, and shown in the status
/// (docs/spec.md#permissions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limitation {
    /// The disabled feature; one of the constants of this type.
    pub feature: &'static str,
    /// Why it is disabled, and what to do about it.
    pub reason: String,
}

impl Limitation {
    /// Push invalidation; without it, cached answers expire.
    pub const PUSH_INVALIDATION: &'static str = "push_invalidation";
    /// Reading many contexts in one request; without it, each context takes one request.
    pub const BATCHED_READS: &'static str = "batched_reads";
}

/// Runs a call into a store. A call that panics fails, and only for those who wait for it.
pub async fn guarded<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|panic| {
        let literal = panic.downcast_ref::<&str>().copied();
        let formatted = panic.downcast_ref::<String>().map(String::as_str);
        let message = literal.or(formatted).unwrap_or("without a message");
        Err(Error::new(ErrorKind::Internal, format!("the store panicked: {message}")))
    })
}

/// The write side of a store. Every method blocks until the store has answered; callers use a thread of their own.
pub trait StoreWriter: Send + Sync + 'static {
    /// Returns the version of the last patch applied, or `None` when the store holds no cursor.
    fn cursor(&self) -> Result<Option<String>>;

    /// Applies a patch if the store's cursor allows it (docs/spec.md#writing). With [`Cursor::Advance`] the cursor moves
    /// last; with [`Cursor::Keep`] it stays, because the patch is one part of a patch that is too large for one call.
    ///
    /// # Errors
    /// A failure leaves the cursor where it was, so that applying the same patch again completes it.
    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome>;

    /// Applies patches in their order, up to the first that is refused, and returns an outcome for each that was
    /// tried. A store overrides this if it is faster at several together.
    ///
    /// # Errors
    /// As for [`apply`](Self::apply); patches at the beginning may have been applied, as the cursor shows.
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

/// What becomes of the store's cursor when a patch applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// It moves to the patch's version.
    Advance,
    /// It stays: the patch is one part of a larger one.
    Keep,
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
