//! What a store tells of itself unasked: changes as they happen, and what it was refused.

use crate::context_key::ContextHash;

/// Hears of changes in a store. Called on the store's own tasks, one call at a time; must not block.
///
/// A reader calls [`watching`](Self::watching) when no later change can escape it, and
/// [`not_watching`](Self::not_watching) as soon as one might.
pub trait ChangeObserver: Send + Sync + 'static {
    /// Every change from now on will be told. What was read before may be out of date (SPEC §8).
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

/// Something a store could do better, if only it were allowed to: never fatal, and shown in the status (SPEC §6).
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
