//! Error logs of integrations
//!
//! What went wrong with an integration lately, newest first, whether it is over or not.

use bigseg_core::sync::SyncFailure;

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::integration::bigseg_integration;
use crate::sized::{SizedStruct, size_of_struct, write_struct};
use crate::text::bigseg_str;

/// Something that went wrong with an integration.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_sync_error {
    /// `sizeof(bigseg_sync_error)`, set by the caller.
    pub struct_size: usize,
    /// What failed, for branching.
    pub code: bigseg_code,
    /// The HTTP status of the upstream's answer; 0 = it gave none.
    pub status_code: u32,
    /// The sentence for a person, borrowed from where the error was asked of; holds neither the SDK key nor any context.
    pub message: bigseg_str,
    /// When it happened first, in Unix milliseconds.
    pub since: i64,
    /// When it happened last, in Unix milliseconds.
    pub timestamp: i64,
    /// How often it happened in a row.
    pub times: u64,
}

// SAFETY: plain data; a text of NULL and 0 is empty, and the code 0 is BIGSEG_OK.
unsafe impl SizedStruct for bigseg_sync_error {
    const FIRST_SIZE: usize = size_of::<Self>();
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<bigseg_sync_error>() == 56);

/// Fills in an error; returns whether there is one, and a struct that can hold it.
pub(crate) fn write_error(found: Option<&SyncFailure>, place: *mut bigseg_sync_error) -> bool {
    // SAFETY: NULL, or a struct that is as long as it says.
    let (Some(found), Ok(size)) = (found, unsafe { size_of_struct(place, "error") }) else { return false };
    let filled = bigseg_sync_error {
        struct_size: size,
        code: bigseg_code::of(found.kind),
        status_code: found.status_code.unwrap_or(0).into(),
        message: bigseg_str::of(&found.message),
        since: found.since,
        timestamp: found.timestamp,
        times: found.times,
    };
    // SAFETY: `size` is what the struct says.
    unsafe { write_struct(place, size, &filled) };
    true
}

/// The last errors of an integration, newest first; the same one in a row is one entry. It is a snapshot.
pub struct bigseg_error_log(Vec<SyncFailure>);

/// Gives out the error log of this moment; with a state directory, errors of earlier processes included. Free it with
/// `bigseg_error_log_free`. Works on a closed integration too. Does not block.
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
        let place = non_null(log, "log")?;
        *place = Box::into_raw(Box::new(bigseg_error_log(integration.error_log())));
        Ok(())
    })
}

/// Returns how many entries there are, at most 100; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_log_count(log: Option<&bigseg_error_log>) -> usize {
    log.map_or(0, |log| log.0.len())
}

/// Tells an entry, 0 being the newest; set `found->struct_size` first. Returns false, and writes nothing, beyond the last, when
/// the struct's size cannot be, and for NULL. The message is borrowed from the log.
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
