//! Store status
//!
//! Whether the store can be asked, and whether what it says is up to date. A status is a snapshot: it does not change.

use std::mem::MaybeUninit;

use bigseg_core::StoreStatus;

use crate::code::bigseg_code;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::text::bigseg_str;

/// The state of the store, as an engine knew it at one moment.
pub struct bigseg_store_status(pub(crate) StoreStatus);

impl bigseg_store_status {
    fn into_raw(status: StoreStatus) -> *mut Self {
        Box::into_raw(Box::new(Self(status)))
    }
}

/// Gives out the status as far as it is known now, without asking the store. Free it with `bigseg_store_status_free`.
/// Works on a closed engine too. Does not block.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_status(
    engine: Option<&bigseg_engine>,
    status: Option<&mut *mut bigseg_store_status>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let place = non_null(status, "status")?;
        *place = bigseg_store_status::into_raw(engine.status());
        Ok(())
    })
}

/// Asks the store for its sync time now, and gives out the status after that, as `bigseg_engine_status` does. A store
/// that fails is no error: it is in the status.
///
/// Blocks until the store has answered, at most for the lookup deadline.
///
/// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_refresh_status(
    engine: Option<&bigseg_engine>,
    status: Option<&mut *mut bigseg_store_status>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let place = non_null(status, "status")?;
        *place = bigseg_store_status::into_raw(engine.refresh_status().wait()?);
        Ok(())
    })
}

/// Reads a field, or returns what is documented for NULL.
fn read<T>(status: Option<&bigseg_store_status>, fallback: T, field: impl FnOnce(&StoreStatus) -> T) -> T {
    match status {
        Some(status) => guard_value(fallback, || field(&status.0)),
        None => fallback,
    }
}

/// Returns whether the last poll, and the last lookup since, succeeded; false until the first poll is done, and for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_available(status: Option<&bigseg_store_status>) -> bool {
    read(status, false, |status| status.available)
}

/// Returns whether nothing has kept the store up to date lately. Keeps its last known value while the store is
/// unavailable; false for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_stale(status: Option<&bigseg_store_status>) -> bool {
    read(status, false, |status| status.stale)
}

/// Tells when the store was last up to date. Returns false, and writes nothing, when it never was as far as is known,
/// and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_last_up_to_date(
    status: Option<&bigseg_store_status>,
    unix_ms: Option<&mut MaybeUninit<i64>>,
) -> bool {
    read(status, false, |status| match (status.last_up_to_date, unix_ms) {
        (Some(time), Some(unix_ms)) => {
            unix_ms.write(time);
            true
        }
        _ => false,
    })
}

/// Returns since when "available" and "stale" have been as they are, in Unix milliseconds; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_since(status: Option<&bigseg_store_status>) -> i64 {
    read(status, 0, |status| status.since)
}

/// Returns whether the store's sync time lies in the future: this machine's clock, or the writer's, is wrong. False for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_clock_skew(status: Option<&bigseg_store_status>) -> bool {
    read(status, false, |status| status.clock_skew)
}

/// Returns the code of the last failure, also when it is over; `BIGSEG_OK` when there was none, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_error_code(status: Option<&bigseg_store_status>) -> bigseg_code {
    read(status, bigseg_code::BIGSEG_OK, |status| {
        status.last_error.as_ref().map_or(bigseg_code::BIGSEG_OK, |error| bigseg_code::of(error.kind))
    })
}

/// Returns what the last failure said, borrowed from the status; empty when there was none, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_error_message(status: Option<&bigseg_store_status>) -> bigseg_str {
    read(status, bigseg_str::of(""), |status| {
        bigseg_str::of(status.last_error.as_ref().map_or("", |error| &error.message))
    })
}

/// Returns when the last failure was, in Unix milliseconds; 0 when there was none, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_error_at(status: Option<&bigseg_store_status>) -> i64 {
    read(status, 0, |status| status.last_error.as_ref().map_or(0, |error| error.at))
}

/// Returns whether the store tells of each change as it happens. Otherwise answers are renewed when they expire; if the
/// store refused, a limitation says why. False for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_push_invalidation(status: Option<&bigseg_store_status>) -> bool {
    read(status, false, |status| status.push_invalidation)
}

/// Returns how many things the store does without because it was refused; none is an error. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_limitation_count(status: Option<&bigseg_store_status>) -> usize {
    read(status, 0, |status| status.limitations.len())
}

/// Returns what the store does without, such as `push_invalidation`, borrowed from the status; empty beyond the last,
/// and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_limitation_feature(
    status: Option<&bigseg_store_status>,
    index: usize,
) -> bigseg_str {
    read(status, bigseg_str::of(""), |status| {
        bigseg_str::of(status.limitations.get(index).map_or("", |limitation| limitation.feature))
    })
}

/// Returns why, and what to do about it, borrowed from the status; empty beyond the last, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_limitation_reason(
    status: Option<&bigseg_store_status>,
    index: usize,
) -> bigseg_str {
    read(status, bigseg_str::of(""), |status| {
        bigseg_str::of(status.limitations.get(index).map_or("", |limitation| &limitation.reason))
    })
}

/// Frees a status.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_free(status: Option<Box<bigseg_store_status>>) {
    guard_value((), || drop(status));
}
