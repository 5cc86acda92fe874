//! Answers for a first-level cache above the engine.
//!
//! A language whose calls into Rust are expensive keeps a few answers on its own side. They stay
//! exact because the engine announces when each ceases to hold: after a known time, or when the
//! [`Epoch`] changes.

use std::sync::Arc;

use super::handle::Engine;
use crate::context_key::ContextHash;
use crate::epoch::Epoch;

impl Engine {
    /// Returns the number that changes whenever an earlier answer may no longer hold, other than
    /// because time passes: an entry left the cache, the data or the store's status changed, the
    /// engine was closed.
    pub fn epoch(&self) -> &Arc<Epoch> {
        &self.evaluator.lookups.epoch
    }

    /// Records that a first-level cache used answers again: `times` hits, on these contexts in this
    /// order, the latest last. Uses that matter for the order of eviction must be recorded before
    /// the next lookup.
    pub fn record_l1_hits(&self, uses: &[ContextHash], times: u64) {
        let lookups = &self.evaluator.lookups;
        for hash in uses {
            lookups.cache.get(hash, lookups.now());
        }
        lookups.counters.cache_hits.add(times);
    }
}
