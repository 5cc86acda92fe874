//! The pause before another attempt: doubled after each failure, up to a limit, with jitter.

use std::time::Duration;

/// Exponential backoff between two bounds. It keeps no state: the caller counts its failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The ceiling after the first failure.
    pub min: Duration,
    /// The highest ceiling.
    pub max: Duration,
}

impl Backoff {
    /// Creates a backoff that grows from `min` to `max`.
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max }
    }

    /// Returns the longest pause after that many earlier failures: `min` for 0, doubled for each
    /// further one, at most `max`.
    pub fn ceiling(self, failures: u32) -> Duration {
        self.min.saturating_mul(1 << failures.min(31)).min(self.max)
    }

    /// Draws a pause between half of the ceiling and the ceiling, for callers that must not retry
    /// at once.
    pub fn equal_jitter(self, failures: u32) -> Duration {
        self.ceiling(failures).mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Draws a pause between zero and the ceiling, for competitors that must not collide again.
    pub fn full_jitter(self, failures: u32) -> Duration {
        self.ceiling(failures).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

    #[test]
    fn ceilings_double_up_to_the_maximum() {
        let seconds: Vec<u64> = (0..8).map(|failures| BACKOFF.ceiling(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(BACKOFF.ceiling(u32::MAX), BACKOFF.max);
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_varies() {
        for failures in 0..10 {
            let ceiling = BACKOFF.ceiling(failures);
            let equal: BTreeSet<Duration> = (0..50).map(|_| BACKOFF.equal_jitter(failures)).collect();
            let full: BTreeSet<Duration> = (0..50).map(|_| BACKOFF.full_jitter(failures)).collect();
            assert!(equal.iter().all(|pause| (ceiling / 2..=ceiling).contains(pause)), "{equal:?}");
            assert!(full.iter().all(|pause| *pause <= ceiling), "{full:?}");
            assert!(equal.len() > 40 && full.len() > 40);
        }
    }
}
