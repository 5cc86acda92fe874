//! Lookups with a completion callback
//!
//! For programs that must not wait: the call returns at once, and a callback hears the answer.

use std::ffi::c_void;

use bigseg_core::{Answer, ContextHash, Result};

use crate::code::bigseg_code;
use crate::context_hash::{bigseg_context_hash, hash_of_key};
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{guard, non_null};
use crate::lookup::bigseg_lookup;
use crate::membership::bigseg_membership_free;
use crate::text::bigseg_str;
use crate::userdata::{Userdata, bigseg_destroy};

/// Hears how a lookup ended. `code` is `BIGSEG_OK`; or `BIGSEG_CLOSED` when the engine was closed meanwhile, and then
/// `lookup` is NULL. What `lookup` points to is borrowed until the callback returns: keep the membership by
/// `bigseg_membership_clone`, and do not free it.
///
/// Called exactly once if the call that registered it returned `BIGSEG_OK`, and never otherwise; on a thread of the
/// library that may block, possibly before the registering call has returned.
pub type bigseg_lookup_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, code: bigseg_code, lookup: *const bigseg_lookup)>;

/// Looks up a context by its key, and calls back. Does not block.
///
/// Errors: as for all lookups, at once; then `callback` is not called, and `userdata` is destroyed.
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
    guard(error, || look_up_then(engine, || hash_of_key(context_key), callback, userdata))
}

/// Looks up a context by its hash, and calls back; like `bigseg_engine_membership_async`.
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
    guard(error, || look_up_then(engine, || non_null(hash, "hash")?.parse(), callback, userdata))
}

fn look_up_then(
    engine: Option<&bigseg_engine>,
    hash: impl FnOnce() -> Result<ContextHash>,
    callback: bigseg_lookup_callback,
    userdata: Userdata,
) -> Result<()> {
    let engine = bigseg_engine::get(engine)?;
    let callback = non_null(callback, "callback")?;
    engine.membership(hash()?).then(move |answer| {
        // SAFETY: the host gave function and userdata together.
        let call = |code, lookup| unsafe { callback(userdata.get(), code, lookup) };
        complete(answer, call);
    })
}

fn complete(answer: Result<Answer>, call: impl FnOnce(bigseg_code, *const bigseg_lookup)) {
    match answer {
        Ok(answer) => {
            let lookup = bigseg_lookup::of(answer);
            call(bigseg_code::BIGSEG_OK, &raw const lookup);
            bigseg_membership_free(lookup.membership);
        }
        Err(error) => call(bigseg_code::of(error.kind()), std::ptr::null()),
    }
}
