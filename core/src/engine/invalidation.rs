//! What the engine does when the store says that something has changed (docs/spec.md#push-invalidation).

#[cfg(feature = "sync")]
use std::sync::Weak;

use super::{Shared, Store};
use crate::context_key::ContextHash;
#[cfg(feature = "sync")]
use crate::segment_ref::SegmentRef;
use crate::store::ChangeObserver;
#[cfg(feature = "sync")]
use crate::sync::SyncObserver;

impl Shared {
    /// Forgets what is cached of a context; a query under way will not bring it back.
    pub(super) fn invalidate(&self, hash: &ContextHash) {
        if let Some(store) = &self.store {
            store.coalescer.overtake(hash);
        }
        self.cache.remove(hash);
    }

    /// Forgets everything that is cached.
    pub(super) fn invalidate_all(&self) {
        if let Some(store) = &self.store {
            store.coalescer.overtake_all();
        }
        self.cache.clear();
    }

    fn note_limitations(&self, store: &Store) {
        self.tracker.limited(store.reader.limitations());
    }
}

impl ChangeObserver for Shared {
    fn watching(&self) {
        let Some(store) = &self.store else { return };
        // Entries of before are not served as fresh any more, but stay: they are the last known answers if the store fails.
        store.coalescer.overtake_all();
        self.cache.overtake();
        self.freshness.told(self.config.clock.now());
        self.epoch.advance();
        self.note_limitations(store);
        self.tracker.push_invalidation(true);
    }

    fn not_watching(&self) {
        let Some(store) = &self.store else { return };
        self.freshness.untold();
        self.epoch.advance();
        self.note_limitations(store);
        self.tracker.push_invalidation(false);
    }

    fn memberships_changed(&self, hashes: &[ContextHash]) {
        self.counters.pushed_invalidations.add(hashes.len() as u64);
        for hash in hashes {
            self.invalidate(hash);
        }
    }

    fn everything_changed(&self) {
        self.invalidate_all();
        self.metadata_changed();
    }

    fn metadata_changed(&self) {
        if let Some(store) = &self.store {
            store.poller.nudge.notify_one();
        }
    }
}

/// Hears of changes from a worker in the same process. Does not keep the engine alive.
#[cfg(feature = "sync")]
pub(super) struct WorkerObserver(pub(super) Weak<Shared>);

#[cfg(feature = "sync")]
impl SyncObserver for WorkerObserver {
    fn contexts_changed(&self, _segment: &SegmentRef, contexts: &[ContextHash]) {
        if let Some(shared) = self.0.upgrade() {
            shared.memberships_changed(contexts);
        }
    }

    fn sync_time_changed(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.metadata_changed();
        }
    }
}
