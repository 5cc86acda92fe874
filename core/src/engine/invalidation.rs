//! Removes cached answers when the store pushes a change (docs/spec.md#push-invalidation).

#[cfg(feature = "sync")]
use std::sync::Weak;

use super::lookup::{Lookups, Store};
use crate::context_key::ContextHash;
#[cfg(feature = "sync")]
use crate::segment_ref::SegmentRef;
use crate::status::PushState;
use crate::store::ChangeListener;
#[cfg(feature = "sync")]
use crate::sync::SyncObserver;

impl Lookups {
    /// Removes a context from the cache; the answer of a query in flight is not stored.
    pub(super) fn invalidate(&self, hash: &ContextHash) {
        if let Some(store) = &self.store {
            store.coalescer.invalidate(hash);
        }
        self.cache.remove(hash);
    }

    /// Removes every context from the cache; the answers of queries in flight are not stored.
    pub(super) fn invalidate_all(&self) {
        if let Some(store) = &self.store {
            store.coalescer.invalidate_all();
        }
        self.cache.clear();
    }

    /// Publishes whether the store pushes changes, and if not, why.
    fn publish_push(&self, store: &Store, push: PushState) {
        self.epoch.advance();
        self.tracker.set_limitations(store.reader.limitations());
        self.tracker.set_push(push);
    }
}

impl ChangeListener for Lookups {
    fn connected(&self) {
        let Some(store) = &self.store else { return };
        // Earlier entries expire but stay: they are the last known answers if the store fails.
        store.coalescer.invalidate_all();
        self.cache.invalidate_queries();
        self.freshness.push_started(self.now());
        self.publish_push(store, PushState::Active);
    }

    fn disconnected(&self) {
        let Some(store) = &self.store else { return };
        self.freshness.push_stopped();
        self.publish_push(store, PushState::Lost);
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
            store.poller.poll_now.notify_one();
        }
    }
}

/// Passes the changes of a sync worker in the same process to an engine. It does not keep the
/// engine alive.
#[cfg(feature = "sync")]
pub(super) struct WorkerObserver(pub(super) Weak<Lookups>);

#[cfg(feature = "sync")]
impl SyncObserver for WorkerObserver {
    fn contexts_changed(&self, _segment: &SegmentRef, contexts: &[ContextHash]) {
        if let Some(lookups) = self.0.upgrade() {
            lookups.memberships_changed(contexts);
        }
    }

    fn sync_time_changed(&self) {
        if let Some(lookups) = self.0.upgrade() {
            lookups.metadata_changed();
        }
    }
}
