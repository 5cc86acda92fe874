//! Integration listeners
//!
//! An integration listener is called with the current status of an integration, and with each
//! change. A listener that is slow is called with the latest status only, and delays no other
//! listener.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use bigseg::status::ListenerId;

use crate::callback::{Userdata, add_listener, bigseg_destroy};
use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::guard;
use crate::integration::bigseg_integration;
use crate::integration_status::bigseg_integration_status;
use crate::optional::integration::IntegrationStatus;

/// Called with a status of an integration, which is borrowed until the callback returns. It runs on
/// a thread of the library that may block, and never concurrently for the same listener.
pub type bigseg_integration_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, status: *const bigseg_integration_status)>;

/// Adds a status listener to an integration. It is called with the current status soon. `id`
/// receives the number for `bigseg_integration_remove_status_listener`, and may be NULL.
///
/// Errors: `BIGSEG_FORKED`. If this call fails, `userdata` is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_add_status_listener(
    integration: Option<&bigseg_integration>,
    callback: bigseg_integration_callback,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
    id: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    guard(error, || {
        let integration = bigseg_integration::get(integration)?;
        add_listener::<IntegrationStatus, _>(callback, userdata, id, |listener| {
            Ok(integration.add_status_listener(listener))
        })
    })
}

/// Removes a status listener from an integration. When this returns, the callback is not running
/// and will not run again, and its `userdata` is destroyed. An unknown id is no error.
///
/// Blocks while the callback runs. From inside a callback of the same integration it returns at
/// once.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_remove_status_listener(
    integration: Option<&bigseg_integration>,
    id: u64,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        bigseg_integration::get(integration)?.remove_status_listener(ListenerId::from_number(id));
        Ok(())
    })
}
