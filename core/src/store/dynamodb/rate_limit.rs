//! A limit on the write units that a bulk load uses.

use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Moment;

/// Spreads write units over time.
pub(super) struct RateLimiter {
    nanos_per_unit: f64,
    /// When the next unit may be used.
    next: Mutex<Moment>,
}

impl RateLimiter {
    /// Allows that many units in a second; `None` = any number.
    pub(super) fn new(units_per_second: Option<u32>) -> Self {
        let nanos_per_unit = units_per_second.map_or(0.0, |units| 1e9 / f64::from(units));
        Self { nanos_per_unit, next: Mutex::new(Moment::DISTANT_PAST) }
    }

    /// Returns whether there is a limit at all.
    pub(super) fn is_limited(&self) -> bool {
        self.nanos_per_unit > 0.0
    }

    /// Reserves one unit, and returns when it may be used.
    pub(super) fn reserve(&self, now: Moment) -> Moment {
        let mut next = self.next.lock();
        let start = now.max(*next);
        *next = start.after(self.cost(1.0));
        start
    }

    /// Records the units that a request used beyond the one that was reserved for it.
    pub(super) fn record(&self, units: f64) {
        let mut next = self.next.lock();
        *next = next.after(self.cost((units - 1.0).max(0.0)));
    }

    fn cost(&self, units: f64) -> Duration {
        Duration::from_nanos((units * self.nanos_per_unit) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_spread_over_time() {
        let limiter = RateLimiter::new(Some(10));
        let start = Moment::from_nanos(1_000_000_000);
        let after = |millis| start.after(Duration::from_millis(millis));
        assert_eq!(limiter.reserve(start), start);
        assert_eq!(limiter.reserve(start), after(100));
        limiter.record(4.0);
        assert_eq!(limiter.reserve(after(150)), after(500), "an expensive request delays those that follow");
        assert_eq!(limiter.reserve(after(2000)), after(2000), "unused units are not saved up");
        limiter.record(0.5);
        assert_eq!(limiter.reserve(after(2000)), after(2100), "a cheap request gives nothing back");
    }

    #[test]
    fn without_a_limit_requests_never_wait() {
        let limiter = RateLimiter::new(None);
        let now = Moment::from_nanos(5);
        assert!(!limiter.is_limited());
        for _ in 0..3 {
            assert_eq!(limiter.reserve(now), now);
            limiter.record(1000.0);
        }
    }
}
