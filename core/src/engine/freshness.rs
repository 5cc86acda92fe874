//! How long a cached answer is served (docs/spec.md#push-invalidation).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::config::EngineConfig;
use crate::cache::CachedMembership;
use crate::clock::Moment;

/// Value of [`Freshness::push_since`] while changes may be missed.
const NO_PUSH: u64 = u64::MAX;

/// How long an answer is served without querying the store again: for the cache time, or longer
/// while the store pushes every change.
pub(super) struct Freshness {
    cache_time: Duration,
    push_cache_time: Duration,
    /// The moment from which on every change is pushed, or [`NO_PUSH`].
    push_since: AtomicU64,
}

impl Freshness {
    pub(super) fn new(config: &EngineConfig) -> Self {
        let cache_time = config.context_cache_time;
        let push_cache_time =
            if cache_time.is_zero() { cache_time } else { cache_time.max(config.push_cache_time) };
        Self { cache_time, push_cache_time, push_since: AtomicU64::new(NO_PUSH) }
    }

    /// Returns until when a cached membership may be served. One that was fetched before push
    /// invalidation started may have changed unnoticed, so it is expired.
    pub(super) fn fresh_until(&self, cached: &CachedMembership) -> Moment {
        match self.push_since.load(Ordering::Acquire) {
            NO_PUSH => cached.fetched.after(self.cache_time),
            since if cached.fetched.nanos() > since => cached.fetched.after(self.push_cache_time),
            _ => Moment::DISTANT_PAST,
        }
    }

    /// Records that every change is pushed from now on.
    pub(super) fn push_started(&self, now: Moment) {
        self.push_since.store(now.nanos(), Ordering::Release);
    }

    /// Records that changes may be missed from now on.
    pub(super) fn push_stopped(&self) {
        self.push_since.store(NO_PUSH, Ordering::Release);
    }
}
