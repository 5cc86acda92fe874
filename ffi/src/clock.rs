//! Clocks, for tests
//!
//! An engine or an integration can read a clock that only the program moves, so that a test does
//! not have to sleep.

use std::time::Duration;

use bigseg::ManualClock;

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};

/// A clock that the program moves.
pub struct bigseg_clock(pub(crate) ManualClock);

/// Makes a clock that shows the given time. Free it with `bigseg_clock_free`. Returns NULL only for
/// a defect of the library.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_clock_new(unix_ms: i64) -> *mut bigseg_clock {
    guard_value(std::ptr::null_mut(), || Box::into_raw(Box::new(bigseg_clock(ManualClock::new(unix_ms)))))
}

/// Moves the clock forward, and wakes everything that waits for it.
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

/// Sets only the time of day, as an administrator would. Nothing expires or wakes because of it.
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

/// Frees a clock. Engines and integrations can still use it.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_clock_free(clock: Option<Box<bigseg_clock>>) {
    guard_value((), || drop(clock));
}
