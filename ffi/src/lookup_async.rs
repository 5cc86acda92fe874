//! Asynchronous lookups
//!
//! For programs that must not block: the call returns at once, and a callback is called with the
//! answer.

use std::ffi::c_void;

use bigseg::{ContextHash, Result};

use crate::callback::{Userdata, bigseg_destroy, complete};
use crate::code::bigseg_code;
use crate::context_hash::{bigseg_context_hash, hash_of_key};
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{guard, non_null};
use crate::lookup::bigseg_lookup;
use crate::membership::bigseg_membership_free;
use crate::text::bigseg_str;

/// Called when a lookup is complete. `code` is `BIGSEG_OK`; or `BIGSEG_CLOSED` when the engine was
/// closed first, and then `lookup` is NULL. `lookup` and its membership are borrowed until the
/// callback returns: do not free them, and keep the membership with `bigseg_membership_clone`.
///
/// Called exactly once if the registering call returned `BIGSEG_OK`, and never otherwise. It runs
/// on a thread of the library that may block, possibly before the registering call has returned.
pub type bigseg_lookup_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, code: bigseg_code, lookup: *const bigseg_lookup)>;

/// Looks up a context by its key, and calls `callback` with the answer. Does not block.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`. If this call fails,
/// `callback` is not called, and `userdata` is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_membership_async(
    engine: Option<&bigseg_engine>,
    context_key: bigseg_str,
    callback: bigseg_lookup_callback,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    guard(error, || start_lookup(engine, || hash_of_key(context_key), callback, userdata))
}

/// Looks up a context by its hash, and calls `callback` with the answer. Does not block.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`. If this call fails,
/// `callback` is not called, and `userdata` is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_membership_by_hash_async(
    engine: Option<&bigseg_engine>,
    hash: Option<&bigseg_context_hash>,
    callback: bigseg_lookup_callback,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    guard(error, || start_lookup(engine, || non_null(hash, "hash")?.parse(), callback, userdata))
}

fn start_lookup(
    engine: Option<&bigseg_engine>,
    hash: impl FnOnce() -> Result<ContextHash>,
    callback: bigseg_lookup_callback,
    userdata: Userdata,
) -> Result<()> {
    let engine = bigseg_engine::get(engine)?;
    let callback = non_null(callback, "callback")?;
    engine.membership(hash()?).then(move |answer| {
        let lookup = answer.map(bigseg_lookup::of);
        let membership = lookup.as_ref().map_or(std::ptr::null(), |lookup| lookup.membership);
        complete(callback, &userdata, lookup);
        bigseg_membership_free(membership);
    })
}
