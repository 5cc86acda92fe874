//! The read side of a store: what every backend implements for lookups and scans.

use std::ops::{ControlFlow, Deref};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::runtime::BoxFuture;

/// The metadata of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Metadata {
    /// When the store was last known to match its source, in Unix milliseconds; `None` = never.
    pub synchronized_on: Option<i64>,
}

/// The read side of a store. Called concurrently, from the engine's threads only.
///
/// The batch is the primitive: a lookup is a batch of one. Readers do not cache, coalesce or retry;
/// the engine does that above them, once for all stores.
pub trait StoreReader: Send + Sync + 'static {
    /// Reads the memberships of `hashes`; a context without rows has an empty membership.
    ///
    /// # Errors
    /// The store failed. A context whose own data the schema does not allow fails alone, inside the
    /// result.
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>>;

    /// Reads the store's metadata; doubles as the health check.
    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>>;

    /// Returns the inline face of a reader that answers from this process's own memory or page
    /// cache, in microseconds. The engine then calls it on the caller's thread, without its
    /// runtime.
    fn as_inline(&self) -> Option<&dyn InlineReader> {
        None
    }

    /// Reports changes to `listener` as they happen, for as long as the future is polled; it never
    /// completes by itself. `None` for a store that cannot push.
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
pub(super) fn query_inline(reader: &dyn InlineReader, hashes: &[ContextHash]) -> Result<BatchResult> {
    let mut memberships = vec![Membership::empty(); hashes.len()];
    reader.read(hashes, &mut memberships)?;
    BatchResult::new(hashes, memberships.into_iter().map(Ok).collect())
}

/// Called with the changes in a store, on the store's own tasks, one call at a time; must not
/// block.
///
/// A reader calls [`connected`](Self::connected) once every later change will be reported, and
/// [`disconnected`](Self::disconnected) as soon as one might be missed.
pub trait ChangeListener: Send + Sync + 'static {
    /// Every change from now on will be reported. What was read before may be out of date
    /// (docs/spec.md#push-invalidation).
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

/// A feature that a store disabled because it lacks a permission: never fatal, and shown in the
/// status (docs/spec.md#permissions).
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

/// Scans everything that a store holds, for statistics and export.
pub trait StoreScanner: Send + Sync + 'static {
    /// Calls `visit` for each context until it breaks; blocks meanwhile.
    fn scan(&self, visit: &mut dyn FnMut(ContextHash, Membership) -> ControlFlow<()>) -> Result<()>;
}

/// Parses a sync time as stores hold it (docs/spec.md#sync-time): absent, empty and `0` mean
/// "never".
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
