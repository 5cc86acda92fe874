//! Error logs of integrations
//!
//! The latest errors of an integration, newest first, including errors that are over.

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::integration::bigseg_integration;
use crate::optional::integration::SyncFailure;
use crate::sized::{SizedStruct, size_of_struct, write_struct};
use crate::text::bigseg_str;

/// An error of an integration.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_sync_error {
    /// `sizeof(bigseg_sync_error)`, set by the caller.
    pub struct_size: usize,
    /// The code, for branching.
    pub code: bigseg_code,
    /// The HTTP status of the upstream's response; 0 = there was no response.
    pub status_code: u32,
    /// The message for a person, borrowed from the error log or the status. It contains neither the
    /// SDK key nor any context.
    pub message: bigseg_str,
    /// The time of the first occurrence, in Unix milliseconds.
    pub since: i64,
    /// The time of the last occurrence, in Unix milliseconds.
    pub timestamp: i64,
    /// The number of occurrences in a row.
    pub times: u64,
}

// SAFETY: plain data; zeros are an empty text, and the code BIGSEG_OK.
unsafe impl SizedStruct for bigseg_sync_error {
    const FIRST_SIZE: usize = size_of::<Self>();
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<bigseg_sync_error>() == 56);

/// Writes an error; returns false if there is none, or the struct cannot hold it.
pub(crate) fn write_error(found: Option<&SyncFailure>, output: *mut bigseg_sync_error) -> bool {
    // SAFETY: NULL, or a struct of at least `struct_size` bytes.
    let (Some(found), Ok(size)) = (found, unsafe { size_of_struct(output, "error") }) else { return false };
    let filled = bigseg_sync_error {
        struct_size: size,
        code: bigseg_code::of(found.kind),
        status_code: found.status_code.unwrap_or(0).into(),
        message: bigseg_str::of(&found.message),
        since: found.since,
        timestamp: found.timestamp,
        times: found.times,
    };
    // SAFETY: `size` is the size that the struct states.
    unsafe { write_struct(output, size, &filled) };
    true
}

/// The last errors of an integration, newest first. Equal errors in a row are one entry. It is a
/// snapshot: it does not change.
pub struct bigseg_error_log(Vec<SyncFailure>);

/// Writes the current error log of an integration to `log`. With a state directory, it includes
/// errors of earlier processes. Free it with `bigseg_error_log_free`. It also works on a closed
/// integration. Does not block.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_error_log(
    integration: Option<&bigseg_integration>,
    log: Option<&mut *mut bigseg_error_log>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let integration = bigseg_integration::get(integration)?;
        let output = non_null(log, "log")?;
        *output = Box::into_raw(Box::new(bigseg_error_log(integration.error_log())));
        Ok(())
    })
}

/// Returns the number of entries, up to 100; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_log_count(log: Option<&bigseg_error_log>) -> usize {
    log.map_or(0, |log| log.0.len())
}

/// Writes the entry at `index`, from 0 for the newest, to `found`. Set `found->struct_size` first.
/// The message is borrowed from the log. Returns false, and writes nothing, beyond the last entry,
/// when `struct_size` is invalid, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_log_at(
    log: Option<&bigseg_error_log>,
    index: usize,
    found: *mut bigseg_sync_error,
) -> bool {
    guard_value(false, || write_error(log.and_then(|log| log.0.get(index)), found))
}

/// Frees an error log.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_log_free(log: Option<Box<bigseg_error_log>>) {
    guard_value((), || drop(log));
}
