//! Integration status
//!
//! How an integration is doing, how far it has come, and what went wrong. A status is a snapshot: it does not change.

use std::mem::MaybeUninit;

use bigseg_core::integration::{IntegrationState, IntegrationStatus};

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::error_log::{bigseg_sync_error, write_error};
use crate::guard::{guard, guard_value, non_null};
use crate::integration::bigseg_integration;
use crate::sized::{SizedStruct, size_of_struct, write_struct};
use crate::text::bigseg_str;

/// How an integration is doing.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum bigseg_integration_state {
    /// It is turned off, or closed.
    BIGSEG_INTEGRATION_OFF = 0,
    /// It fetches what the store does not have yet; the progress says how far it is.
    BIGSEG_INTEGRATION_INITIALIZING = 1,
    /// The store matches the source, and changes are followed as they happen.
    BIGSEG_INTEGRATION_HEALTHY = 2,
    /// The error says what keeps the store from matching the source; it is tried again and again.
    BIGSEG_INTEGRATION_FAILING = 3,
}

/// A state that comes from C, where it may be any number. The header calls it `bigseg_integration_state` too.
pub(crate) type given_state = u32;

impl bigseg_integration_state {
    fn of(state: IntegrationState) -> Self {
        match state {
            IntegrationState::Initializing => Self::BIGSEG_INTEGRATION_INITIALIZING,
            IntegrationState::Healthy => Self::BIGSEG_INTEGRATION_HEALTHY,
            IntegrationState::Failing => Self::BIGSEG_INTEGRATION_FAILING,
            // The core may grow a state before this file does; the test below then fails.
            _ => Self::BIGSEG_INTEGRATION_OFF,
        }
    }
}

/// Returns the stable name of a state in `snake_case`, such as "healthy"; empty for a number that is none. The text is
/// static.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_state_name(state: given_state) -> bigseg_str {
    guard_value(bigseg_str::of(""), || {
        let known =
            IntegrationState::ALL.iter().find(|known| bigseg_integration_state::of(**known) as u32 == state);
        bigseg_str::of(known.map_or("", |known| known.name()))
    })
}

/// What an integration has done. Counters only grow, until it is turned on again, or its store or its source changes.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct bigseg_integration_progress {
    /// `sizeof(bigseg_integration_progress)`, set by the caller.
    pub struct_size: usize,
    /// Patches applied in the present filling of the store, or in the last one.
    pub patches: u64,
    /// Operations in them: a context that joins or leaves a list.
    pub operations: u64,
    /// Operations in a second, on average since it began.
    pub operations_per_second: u64,
    /// Patches applied, all in all.
    pub total_patches: u64,
    /// Operations in them.
    pub total_operations: u64,
    /// Patches that the store had already.
    pub repeated: u64,
    /// Pages fetched, empty ones included.
    pub pages: u64,
    /// Streams opened.
    pub streams: u64,
    /// Times that a patch did not follow the store's cursor, or another writer had moved it.
    pub out_of_order: u64,
    /// Times that the store had lost its cursor.
    pub data_losses: u64,
}

// SAFETY: plain numbers.
unsafe impl SizedStruct for bigseg_integration_progress {
    const FIRST_SIZE: usize = size_of::<Self>();
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<bigseg_integration_progress>() == 88);

/// The status of an integration, as it was at one moment.
pub struct bigseg_integration_status(pub(crate) IntegrationStatus);

/// Gives out the status of this moment. Free it with `bigseg_integration_status_free`. Works on a closed integration too.
/// Does not block.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_get_status(
    integration: Option<&bigseg_integration>,
    status: Option<&mut *mut bigseg_integration_status>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let integration = bigseg_integration::get(integration)?;
        let place = non_null(status, "status")?;
        *place = Box::into_raw(Box::new(bigseg_integration_status(integration.status())));
        Ok(())
    })
}

/// Reads a field, or returns what is documented for NULL.
fn read<T>(
    status: Option<&bigseg_integration_status>,
    fallback: T,
    field: impl FnOnce(&IntegrationStatus) -> T,
) -> T {
    match status {
        Some(status) => guard_value(fallback, || field(&status.0)),
        None => fallback,
    }
}

/// Returns how it is doing; `BIGSEG_INTEGRATION_OFF` for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_state(
    status: Option<&bigseg_integration_status>,
) -> bigseg_integration_state {
    read(status, bigseg_integration_state::BIGSEG_INTEGRATION_OFF, |status| {
        bigseg_integration_state::of(status.state)
    })
}

/// Returns since when, in Unix milliseconds; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_since(status: Option<&bigseg_integration_status>) -> i64 {
    read(status, 0, |status| status.since)
}

/// Tells when the store was last declared synchronised. Returns false, and writes nothing, when it never was as far as is
/// known, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_last_synchronized(
    status: Option<&bigseg_integration_status>,
    unix_ms: Option<&mut MaybeUninit<i64>>,
) -> bool {
    read(status, false, |status| write_time(status.last_synchronized, unix_ms))
}

/// Tells when something last failed. Returns false, and writes nothing, when nothing did as far as the error log goes, and
/// for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_last_error(
    status: Option<&bigseg_integration_status>,
    unix_ms: Option<&mut MaybeUninit<i64>>,
) -> bool {
    read(status, false, |status| write_time(status.last_error, unix_ms))
}

fn write_time(time: Option<i64>, unix_ms: Option<&mut MaybeUninit<i64>>) -> bool {
    let (Some(time), Some(unix_ms)) = (time, unix_ms) else { return false };
    unix_ms.write(time);
    true
}

/// Tells what keeps the store from matching the source, while the state is `BIGSEG_INTEGRATION_FAILING`; set
/// `found->struct_size` first. Returns false, and writes nothing, when there is nothing, when the struct's size cannot be, and
/// for NULL. The message is borrowed from the status.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_error(
    status: Option<&bigseg_integration_status>,
    found: *mut bigseg_sync_error,
) -> bool {
    read(status, false, |status| write_error(status.error.as_ref(), found))
}

/// Tells what the integration has done; set `progress->struct_size` first. Returns false, and writes nothing, when the
/// struct's size cannot be, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_progress(
    status: Option<&bigseg_integration_status>,
    progress: *mut bigseg_integration_progress,
) -> bool {
    read(status, false, |status| {
        // SAFETY: NULL, or a struct that is as long as it says.
        let Ok(size) = (unsafe { size_of_struct(progress, "progress") }) else { return false };
        let done = bigseg_integration_progress {
            struct_size: size,
            patches: status.progress.patches,
            operations: status.progress.operations,
            operations_per_second: status.progress.operations_per_second,
            total_patches: status.counters.patches,
            total_operations: status.counters.operations,
            repeated: status.counters.repeated,
            pages: status.counters.pages,
            streams: status.counters.streams,
            out_of_order: status.counters.out_of_order,
            data_losses: status.counters.data_losses,
        };
        // SAFETY: `size` is what the struct says.
        unsafe { write_struct(progress, size, &done) };
        true
    })
}

/// Frees a status.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_free(status: Option<Box<bigseg_integration_status>>) {
    guard_value((), || drop(status));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_number_and_name() {
        for (number, state) in IntegrationState::ALL.iter().enumerate() {
            let spelled = bigseg_integration_state::of(*state);
            assert_eq!(spelled as usize, number, "{}: add it to this file", state.name());
            assert_eq!(
                format!("{spelled:?}"),
                format!("BIGSEG_INTEGRATION_{}", state.name().to_ascii_uppercase())
            );
        }
    }
}
