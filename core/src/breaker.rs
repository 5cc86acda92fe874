//! The circuit breaker: after some failures in a row, callers no longer wait for the store until a
//! probe succeeds.
//!
//! It only counts: it sends no query and reads no clock.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Counts failed queries in a row.
pub struct Breaker {
    threshold: u32,
    failures: AtomicU32,
    open: AtomicBool,
}

impl Breaker {
    /// Creates a closed breaker that opens after `threshold` failures in a row; 0 = never.
    pub fn new(threshold: u32) -> Self {
        Self { threshold, failures: AtomicU32::new(0), open: AtomicBool::new(false) }
    }

    /// Returns whether callers must not query the store.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Records a failed query. Returns whether this failure opened the breaker, so that its caller
    /// starts to probe.
    pub fn record_failure(&self) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        self.threshold != 0 && failures >= self.threshold && !self.open.swap(true, Ordering::AcqRel)
    }

    /// Records a successful query. Returns whether this success closed the breaker.
    pub fn record_success(&self) -> bool {
        self.failures.store(0, Ordering::Release);
        self.open.swap(false, Ordering::AcqRel)
    }
}
