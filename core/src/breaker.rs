//! The circuit breaker: after some failures in a row, nobody waits for the store until a probe finds it well.
//!
//! It counts and remembers; it neither asks the store nor knows what time it is.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Counts failures of whole queries.
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

    /// Returns whether the store is not to be asked by callers.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Notes a failed query; returns whether this one opened the breaker, so that somebody starts to probe.
    pub fn failed(&self) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        self.threshold != 0 && failures >= self.threshold && !self.open.swap(true, Ordering::AcqRel)
    }

    /// Notes a successful query; returns whether this one closed the breaker.
    pub fn succeeded(&self) -> bool {
        self.failures.store(0, Ordering::Release);
        self.open.swap(false, Ordering::AcqRel)
    }
}
