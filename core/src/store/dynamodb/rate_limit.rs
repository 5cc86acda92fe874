//! How fast requests follow each other: pauses before another attempt, and a limit on what a load consumes.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Moment;

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Draws how long to wait before an attempt that follows `attempts` others: those who wait equally long would meet again.
pub(super) fn pause_after(attempts: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(10)).min(LONGEST_PAUSE);
    let dice = RandomState::new().build_hasher().finish();
    longest.mul_f64(0.5 + 0.5 * (dice as f64 / u64::MAX as f64))
}

/// Spreads what is consumed over time.
pub(super) struct Pace {
    nanos_per_unit: f64,
    /// When the next unit may be consumed.
    next: Mutex<Moment>,
}

impl Pace {
    /// Allows that many units in a second, or any number.
    pub(super) fn new(units_per_second: Option<u32>) -> Self {
        let nanos_per_unit = units_per_second.map_or(0.0, |units| 1e9 / f64::from(units));
        Self { nanos_per_unit, next: Mutex::new(Moment::DISTANT_PAST) }
    }

    /// Returns whether there is a limit at all.
    pub(super) fn is_limited(&self) -> bool {
        self.nanos_per_unit > 0.0
    }

    /// Reserves one unit, and returns when it may be consumed.
    pub(super) fn reserve(&self, now: Moment) -> Moment {
        let mut next = self.next.lock();
        let begins = now.max(*next);
        *next = begins.after(self.time_of(1.0));
        begins
    }

    /// Notes what a request has consumed beyond the one unit that was reserved for it.
    pub(super) fn consumed(&self, units: f64) {
        let mut next = self.next.lock();
        *next = next.after(self.time_of((units - 1.0).max(0.0)));
    }

    fn time_of(&self, units: f64) -> Duration {
        Duration::from_nanos((units * self.nanos_per_unit) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_spread_over_time() {
        let pace = Pace::new(Some(10));
        let start = Moment::from_nanos(1_000_000_000);
        let after = |millis| start.after(Duration::from_millis(millis));
        assert_eq!(pace.reserve(start), start);
        assert_eq!(pace.reserve(start), after(100));
        pace.consumed(4.0);
        assert_eq!(pace.reserve(after(150)), after(500), "a dear one is paid for by those that follow");
        assert_eq!(pace.reserve(after(2000)), after(2000), "what was not consumed is not saved up");
        pace.consumed(0.5);
        assert_eq!(pace.reserve(after(2000)), after(2100), "a cheap one gives nothing back");
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let pace = Pace::new(None);
        let now = Moment::from_nanos(5);
        assert!(!pace.is_limited());
        for _ in 0..3 {
            assert_eq!(pace.reserve(now), now);
            pace.consumed(1000.0);
        }
    }

    #[test]
    fn pauses_grow_within_bounds() {
        for attempts in 1..40 {
            let pause = pause_after(attempts);
            assert!((FIRST_PAUSE / 2..=LONGEST_PAUSE).contains(&pause), "{attempts}: {pause:?}");
        }
        assert!(pause_after(40) > pause_after(1) * 4);
    }
}
