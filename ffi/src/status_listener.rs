//! Status listeners
//!
//! A status listener is called with the first status of the store, and with each change. A listener
//! that is slow is called with the latest status only, and delays no other listener.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use bigseg::StoreStatus;
use bigseg::status::ListenerId;

use crate::callback::{Userdata, add_listener, bigseg_destroy};
use crate::code::bigseg_code;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::guard;
use crate::status::bigseg_store_status;

/// Called with a status of the store, which is borrowed until the callback returns. It runs on a
/// thread of the library that may block, and never concurrently for the same listener.
pub type bigseg_status_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, status: *const bigseg_store_status)>;

/// Adds a status listener. If the status is known already, the listener is called with it soon.
/// `id` receives the number for `bigseg_engine_remove_status_listener`, and may be NULL.
///
/// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`. If this call fails, `userdata` is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_add_status_listener(
    engine: Option<&bigseg_engine>,
    callback: bigseg_status_callback,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
    id: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        add_listener::<StoreStatus, _>(callback, userdata, id, |listener| {
            engine.add_status_listener(listener)
        })
    })
}

/// Removes a status listener. When this returns, the callback is not running and will not run
/// again, and its `userdata` is destroyed. An unknown id is no error.
///
/// Blocks while the callback runs. From inside a callback of the same engine it returns at once.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_remove_status_listener(
    engine: Option<&bigseg_engine>,
    id: u64,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        bigseg_engine::get(engine)?.remove_status_listener(ListenerId::from_number(id));
        Ok(())
    })
}
