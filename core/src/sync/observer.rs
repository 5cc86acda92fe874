use crate::context_key::ContextHash;
use crate::segment_ref::SegmentRef;

/// Hears in the same process what a worker writes: an engine, to forget what it has cached, or a program that wants to
/// know of changes.
///
/// Called on the worker's threads, one call at a time, after the store has the change; must not block, for the worker waits.
pub trait SyncObserver: Send + Sync + 'static {
    /// The memberships of these contexts in that segment may have changed. A context may be named twice, and a large patch
    /// comes in several calls.
    fn contexts_changed(&self, segment: &SegmentRef, contexts: &[ContextHash]);

    /// The store's sync time has changed.
    fn sync_time_changed(&self) {}
}
