//! Store status
//!
//! The store status says whether the store answers, and whether it is up to date. A status is a
//! snapshot: it does not change.

use std::mem::MaybeUninit;

use bigseg::StoreStatus;

use crate::code::bigseg_code;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::text::bigseg_str;

/// The status of the store of an engine, at one moment.
pub struct bigseg_store_status(StoreStatus);

impl From<StoreStatus> for bigseg_store_status {
    fn from(status: StoreStatus) -> Self {
        Self(status)
    }
}

impl bigseg_store_status {
    fn into_raw(status: StoreStatus) -> *mut Self {
        Box::into_raw(Box::new(Self(status)))
    }
}

/// Writes the last known status to `status`, without a query. Free it with
/// `bigseg_store_status_free`. It also works on a closed engine. Does not block.
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
        let output = non_null(status, "status")?;
        *output = bigseg_store_status::into_raw(engine.status());
        Ok(())
    })
}

/// Reads the store's sync time now, and writes the new status to `status`. Free it with
/// `bigseg_store_status_free`. A failure of the store is reported by the status, not by this call.
///
/// Blocks up to the lookup deadline.
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
        let output = non_null(status, "status")?;
        *output = bigseg_store_status::into_raw(engine.refresh_status().wait()?);
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

/// Returns whether the last poll, and the last lookup since then, succeeded; false until the first
/// poll is complete, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_available(status: Option<&bigseg_store_status>) -> bool {
    read(status, false, |status| status.available)
}

/// Returns whether the store is stale: its sync time is missing, or older than the stale-after
/// time. While the store is unavailable, this is the last known value. Returns false for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_stale(status: Option<&bigseg_store_status>) -> bool {
    read(status, false, |status| status.stale)
}

/// Writes the time when the store was last up to date to `unix_ms`, in Unix milliseconds. Returns
/// false, and writes nothing, when no such time is known, and for NULL.
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

/// Returns when "available" or "stale" last changed, in Unix milliseconds; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_since(status: Option<&bigseg_store_status>) -> i64 {
    read(status, 0, |status| status.since)
}

/// Returns whether the store's sync time is in the future: the clock of this machine or of the
/// writer is wrong. Returns false for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_clock_skew(status: Option<&bigseg_store_status>) -> bool {
    read(status, false, |status| status.clock_skew)
}

/// Returns the code of the last error, even if the store has recovered; `BIGSEG_OK` when there was
/// no error, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_error_code(status: Option<&bigseg_store_status>) -> bigseg_code {
    read(status, bigseg_code::BIGSEG_OK, |status| {
        status.last_error.as_ref().map_or(bigseg_code::BIGSEG_OK, |error| bigseg_code::of(error.kind))
    })
}

/// Returns the message of the last error, borrowed from the status; empty when there was no error,
/// and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_error_message(status: Option<&bigseg_store_status>) -> bigseg_str {
    read(status, bigseg_str::of(""), |status| {
        bigseg_str::of(status.last_error.as_ref().map_or("", |error| &error.message))
    })
}

/// Returns the time of the last error, in Unix milliseconds; 0 when there was no error, and for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_error_at(status: Option<&bigseg_store_status>) -> i64 {
    read(status, 0, |status| status.last_error.as_ref().map_or(0, |error| error.at))
}

/// Returns whether push invalidation is active: the store announces each change as it happens. If
/// not, cached answers expire; if the store refused, a limitation says why. Returns false for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_push_invalidation(status: Option<&bigseg_store_status>) -> bool {
    read(status, false, |status| status.push_invalidation)
}

/// Returns the number of limitations: features that are disabled because the store refused them,
/// which is no error. Returns 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_limitation_count(status: Option<&bigseg_store_status>) -> usize {
    read(status, 0, |status| status.limitations.len())
}

/// Returns the disabled feature of a limitation, such as `push_invalidation`, borrowed from the
/// status; empty beyond the last limitation, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_limitation_feature(
    status: Option<&bigseg_store_status>,
    index: usize,
) -> bigseg_str {
    read(status, bigseg_str::of(""), |status| {
        bigseg_str::of(status.limitations.get(index).map_or("", |limitation| limitation.feature))
    })
}

/// Returns why a limitation exists and how to remove it, borrowed from the status; empty beyond the
/// last limitation, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_limitation_reason(
    status: Option<&bigseg_store_status>,
    index: usize,
) -> bigseg_str {
    read(status, bigseg_str::of(""), |status| {
        bigseg_str::of(status.limitations.get(index).map_or("", |limitation| &limitation.reason))
    })
}

/// Frees a store status.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_store_status_free(status: Option<Box<bigseg_store_status>>) {
    guard_value((), || drop(status));
}
