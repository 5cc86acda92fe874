//! Integration status
//!
//! The status of an integration: its state, its progress and its error. A status is a snapshot: it
//! does not change.

use std::mem::MaybeUninit;

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::error_log::{bigseg_sync_error, write_error};
use crate::guard::{guard, guard_value, non_null};
use crate::integration::bigseg_integration;
use crate::optional::integration::{IntegrationState, IntegrationStatus};
use crate::sized::{SizedStruct, size_of_struct, write_struct};
use crate::text::bigseg_str;

/// The state of an integration.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum bigseg_integration_state {
    /// The integration is turned off, or closed.
    BIGSEG_INTEGRATION_OFF = 0,
    /// The integration fetches the patches that the store does not have yet; see its progress.
    BIGSEG_INTEGRATION_INITIALIZING = 1,
    /// The store matches the upstream, and changes are followed as they happen.
    BIGSEG_INTEGRATION_HEALTHY = 2,
    /// The store does not match the upstream; the error says why. The integration retries.
    BIGSEG_INTEGRATION_FAILING = 3,
}

/// A state that the host passes, which can be any number; the header shows
/// `bigseg_integration_state`.
pub(crate) type raw_state = u32;

impl bigseg_integration_state {
    fn of(state: IntegrationState) -> Self {
        match state {
            IntegrationState::Initializing => Self::BIGSEG_INTEGRATION_INITIALIZING,
            IntegrationState::Healthy => Self::BIGSEG_INTEGRATION_HEALTHY,
            IntegrationState::Failing => Self::BIGSEG_INTEGRATION_FAILING,
            // A new state of core: the test below fails until it is added here.
            _ => Self::BIGSEG_INTEGRATION_OFF,
        }
    }
}

/// Returns the stable name of a state in `snake_case`, such as "healthy"; empty for an unknown
/// number. The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_state_name(state: raw_state) -> bigseg_str {
    guard_value(bigseg_str::of(""), || {
        let known =
            IntegrationState::ALL.iter().find(|known| bigseg_integration_state::of(**known) as u32 == state);
        bigseg_str::of(known.map_or("", |known| known.name()))
    })
}

/// What an integration has done. Counters start at 0 again when it is turned on, and when its store
/// or its upstream changes.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct bigseg_integration_progress {
    /// `sizeof(bigseg_integration_progress)`, set by the caller.
    pub struct_size: usize,
    /// Patches applied in the current catch-up of the store, or in the last one.
    pub patches: u64,
    /// Operations in these patches. An operation adds a context to a list, or removes it.
    pub operations: u64,
    /// Operations per second, on average since the catch-up began.
    pub operations_per_second: u64,
    /// Patches applied in total.
    pub total_patches: u64,
    /// Operations applied in total.
    pub total_operations: u64,
    /// Patches that the store already had.
    pub repeated: u64,
    /// Pages fetched, including empty ones.
    pub pages: u64,
    /// Streams opened.
    pub streams: u64,
    /// How often a patch did not match the cursor of the store, or another writer had moved the
    /// cursor.
    pub out_of_order: u64,
    /// How often the store had lost its cursor.
    pub data_losses: u64,
}

// SAFETY: plain numbers.
unsafe impl SizedStruct for bigseg_integration_progress {
    const FIRST_SIZE: usize = size_of::<Self>();
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<bigseg_integration_progress>() == 88);

/// The status of an integration at one moment.
pub struct bigseg_integration_status(IntegrationStatus);

impl From<IntegrationStatus> for bigseg_integration_status {
    fn from(status: IntegrationStatus) -> Self {
        Self(status)
    }
}

/// Writes the current status of an integration to `status`. Free it with
/// `bigseg_integration_status_free`. It also works on a closed integration. Does not block.
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
        let output = non_null(status, "status")?;
        *output = Box::into_raw(Box::new(bigseg_integration_status(integration.status())));
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

/// Returns the state; `BIGSEG_INTEGRATION_OFF` for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_state(
    status: Option<&bigseg_integration_status>,
) -> bigseg_integration_state {
    read(status, bigseg_integration_state::BIGSEG_INTEGRATION_OFF, |status| {
        bigseg_integration_state::of(status.state)
    })
}

/// Returns since when the state has not changed, in Unix milliseconds; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_since(status: Option<&bigseg_integration_status>) -> i64 {
    read(status, 0, |status| status.since)
}

/// Writes the time when the store was last synchronised to `unix_ms`. Returns false, and writes
/// nothing, when no such time is known, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_last_synchronized(
    status: Option<&bigseg_integration_status>,
    unix_ms: Option<&mut MaybeUninit<i64>>,
) -> bool {
    read(status, false, |status| write_time(status.last_synchronized, unix_ms))
}

/// Writes the time of the last error to `unix_ms`. Returns false, and writes nothing, when the
/// error log is empty, and for NULL.
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

/// Writes why the store does not match the upstream, while the state is
/// `BIGSEG_INTEGRATION_FAILING`. Set `found->struct_size` first. The message is borrowed from the
/// status. Returns false, and writes nothing, when there is no error, when `struct_size` is
/// invalid, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_error(
    status: Option<&bigseg_integration_status>,
    found: *mut bigseg_sync_error,
) -> bool {
    read(status, false, |status| write_error(status.error.as_ref(), found))
}

/// Writes what the integration has done to `progress`. Set `progress->struct_size` first. Returns
/// false, and writes nothing, when `struct_size` is invalid, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_status_progress(
    status: Option<&bigseg_integration_status>,
    progress: *mut bigseg_integration_progress,
) -> bool {
    read(status, false, |status| {
        // SAFETY: NULL, or a struct of at least `struct_size` bytes.
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
        // SAFETY: `size` is the size that the struct states.
        unsafe { write_struct(progress, size, &done) };
        true
    })
}

/// Frees an integration status.
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
