//! Status listeners
//!
//! A listener hears of the store's first status and of every change. The latest value wins: one that is slow misses
//! what lies between, and delays nobody.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use bigseg_core::status::ListenerId;

use crate::code::bigseg_code;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{guard, non_null};
use crate::status::bigseg_store_status;
use crate::userdata::{Userdata, bigseg_destroy};

/// Hears of a status, which is borrowed until the callback returns. Called on a thread of the library that may block;
/// never twice at once for one listener.
pub type bigseg_status_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, status: *const bigseg_store_status)>;

/// Adds a listener, which is called soon with the current status, if that is known. `id` receives a number for removing
/// it, and may be NULL.
///
/// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`; `userdata` is destroyed then too.
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
        let callback = non_null(callback, "callback")?;
        let added = engine.add_status_listener(move |status| {
            let status = bigseg_store_status(status.clone());
            // SAFETY: the host gave function and userdata together; the status lives until the call is over.
            unsafe { callback(userdata.get(), &raw const status) };
        })?;
        if let Some(id) = id {
            id.write(added.number());
        }
        Ok(())
    })
}

/// Removes a listener. When this returns, its callback does not run and never will again, and its `userdata` is
/// destroyed. An id that is not known, or not any more, is fine.
///
/// Blocks while the callback runs; from inside a callback of the same engine it returns at once instead.
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
