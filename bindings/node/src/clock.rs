//! A manual clock for tests.

use std::time::Duration;

use bigseg::Clock;
use napi_derive::napi;

/// A clock for tests, which moves only when a test advances it.
#[napi]
pub struct ManualClock(pub(crate) bigseg::ManualClock);

#[napi]
impl ManualClock {
    /// Creates a clock with this wall-clock time.
    #[napi(constructor)]
    #[allow(clippy::new_without_default, reason = "JavaScript has no such trait")]
    pub fn new(unix_millis: i64) -> Self {
        Self(bigseg::ManualClock::new(unix_millis))
    }

    /// Advances both the monotonic and the wall-clock time; an invalid duration counts as 0.
    #[napi]
    pub fn advance(&self, milliseconds: f64) {
        self.0.advance(Duration::try_from_secs_f64(milliseconds / 1e3).unwrap_or_default());
    }

    /// Sets the wall-clock time only.
    #[napi]
    pub fn set_unix_millis(&self, unix_millis: i64) {
        self.0.set_unix_millis(unix_millis);
    }

    /// Returns the monotonic time, in milliseconds.
    #[napi]
    pub fn now(&self) -> f64 {
        Clock::Manual(self.0.clone()).now().nanos() as f64 / 1e6
    }
}
