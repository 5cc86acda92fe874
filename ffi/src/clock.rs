//! Clocks, for tests
//!
//! An engine may be told to read a clock that stands still until the test moves it, so that no test has to sleep.

use std::time::Duration;

use bigseg_core::ManualClock;

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};

/// A clock that is moved by hand.
pub struct bigseg_clock(pub(crate) ManualClock);

/// Makes a clock that shows the given time. Free it with `bigseg_clock_free`. Never returns NULL, except for a defect.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_clock_new(unix_ms: i64) -> *mut bigseg_clock {
    guard_value(std::ptr::null_mut(), || Box::into_raw(Box::new(bigseg_clock(ManualClock::new(unix_ms)))))
}

/// Moves the clock forward, and wakes everything that was waiting for it.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_clock_advance(
    clock: Option<&bigseg_clock>,
    by_ms: u64,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        non_null(clock, "clock")?.0.advance(Duration::from_millis(by_ms));
        Ok(())
    })
}

/// Sets the time of day alone, as an administrator would; nothing expires or wakes by it.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_clock_set(
    clock: Option<&bigseg_clock>,
    unix_ms: i64,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        non_null(clock, "clock")?.0.set_unix_millis(unix_ms);
        Ok(())
    })
}

/// Frees a clock. Engines that use it keep their own hold on it.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_clock_free(clock: Option<Box<bigseg_clock>>) {
    guard_value((), || drop(clock));
}
