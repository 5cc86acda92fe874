//! How long an answer is served without asking the store again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::config::EngineConfig;
use crate::cache::Cached;
use crate::clock::Moment;

/// Value of [`Freshness::told_since`] while changes may go untold.
const UNTOLD: u64 = u64::MAX;

/// Answers expire; later, and only later, if the store tells of each change (docs/spec.md#push-invalidation).
pub(super) struct Freshness {
    cache_time: Duration,
    push_cache_time: Duration,
    /// Since when every change is told, or [`UNTOLD`].
    told_since: AtomicU64,
}

impl Freshness {
    pub(super) fn new(config: &EngineConfig) -> Self {
        let cache_time = config.context_cache_time;
        let push_cache_time =
            if cache_time.is_zero() { cache_time } else { cache_time.max(config.push_cache_time) };
        Self { cache_time, push_cache_time, told_since: AtomicU64::new(UNTOLD) }
    }

    /// Returns until when what is remembered may be served without asking. What was fetched before the store began to
    /// tell may have changed untold.
    pub(super) fn fresh_until(&self, cached: &Cached) -> Moment {
        match self.told_since.load(Ordering::Acquire) {
            UNTOLD => cached.fetched.after(self.cache_time),
            since if cached.fetched.nanos() > since => cached.fetched.after(self.push_cache_time),
            _ => Moment::DISTANT_PAST,
        }
    }

    /// Returns whether that moment is still to come.
    pub(super) fn is_fresh(&self, cached: &Cached, now: Moment) -> bool {
        now < self.fresh_until(cached)
    }

    /// From now on every change is told.
    pub(super) fn told(&self, now: Moment) {
        self.told_since.store(now.nanos(), Ordering::Release);
    }

    /// From now on changes may go untold.
    pub(super) fn untold(&self) {
        self.told_since.store(UNTOLD, Ordering::Release);
    }
}
