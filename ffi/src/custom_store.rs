//! Custom stores
//!
//! A program can provide its own store by two functions. The engine provides the rest, as for every
//! store: cache, batching, deadlines, circuit breaker and status.

use std::ffi::c_void;
use std::sync::Arc;

use bigseg::store::{BatchResult, BlockingStore, Metadata};
use bigseg::{ContextHash, Error, ErrorKind, Result};

use crate::callback::Userdata;
use crate::code::{kind_of, raw_code};
use crate::context_hash::bigseg_context_hash;
use crate::error::bigseg_error;
use crate::guard::non_null;
use crate::sized::{SizedStruct, read_struct};
use crate::store_results::bigseg_answers;

/// Called to read the memberships of `count` contexts. `hashes` has one entry for each; the results
/// go to `answers`. All arguments are borrowed until the callback returns.
///
/// Returns `BIGSEG_OK`, or a code when the store failed. Then it can set `error` to an object made
/// by `bigseg_error_new`, which the engine frees. An unknown number, or an error beside
/// `BIGSEG_OK`, counts as `BIGSEG_STORE_DATA`.
///
/// Called on threads of the library, up to 8 at once. It may block: lookups stop waiting at their
/// deadline. It must not close or free the engine that calls it, nor look up contexts in that engine:
/// such a lookup waits until this query ends or the lookup deadline has passed, and usually reports
/// `BIGSEG_LOOKUP_STORE_ERROR`. `bigseg_engine_cached` never waits and is allowed.
pub type bigseg_store_memberships = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        hashes: *const bigseg_context_hash,
        count: usize,
        answers: *mut bigseg_answers,
        error: *mut *mut bigseg_error,
    ) -> raw_code,
>;

/// Called to read the sync time of the store: the time when it last matched its source, in Unix
/// milliseconds. `synchronized_on_unix_ms` is 0 at first, which means "never". This call is also
/// the health check. It returns and fails as `bigseg_store_memberships` does, and runs on the same
/// threads.
pub type bigseg_store_metadata = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        synchronized_on_unix_ms: *mut i64,
        error: *mut *mut bigseg_error,
    ) -> raw_code,
>;

/// The functions of a custom store. `bigseg_config_set_custom_store` copies the struct.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_store_vtable {
    /// `sizeof(bigseg_store_vtable)`, set by the caller.
    pub struct_size: usize,
    /// Reads memberships; required.
    pub memberships: bigseg_store_memberships,
    /// Reads the sync time; required.
    pub metadata: bigseg_store_metadata,
}

// SAFETY: zeros are NULL function pointers.
unsafe impl SizedStruct for bigseg_store_vtable {
    const FIRST_SIZE: usize = 3 * size_of::<usize>();
}

const _: () = assert!(size_of::<bigseg_store_vtable>() == 3 * size_of::<usize>());

/// A store behind a vtable. Clones share the `userdata`.
#[derive(Clone)]
pub(crate) struct CustomStore {
    vtable: bigseg_store_vtable,
    userdata: Arc<Userdata>,
}

impl CustomStore {
    /// Makes a store from a complete vtable.
    pub(crate) fn new(vtable: *const bigseg_store_vtable, userdata: Userdata) -> Result<Self> {
        // SAFETY: the header requires a struct of at least `struct_size` bytes.
        let vtable = unsafe { read_struct(vtable, "vtable") }?;
        non_null(vtable.memberships, "vtable: memberships")?;
        non_null(vtable.metadata, "vtable: metadata")?;
        Ok(Self { vtable, userdata: Arc::new(userdata) })
    }
}

impl BlockingStore for CustomStore {
    fn memberships(&self, hashes: &[ContextHash]) -> Result<BatchResult> {
        let memberships = non_null(self.vtable.memberships, "vtable: memberships")?;
        let texts: Vec<_> = hashes.iter().copied().map(bigseg_context_hash::of).collect();
        let mut answers = bigseg_answers::new(hashes.len());
        let mut error = std::ptr::null_mut();
        // SAFETY: the host passed function and userdata together; the arguments live until the call
        // returns.
        let code = unsafe {
            memberships(self.userdata.get(), texts.as_ptr(), texts.len(), &raw mut answers, &raw mut error)
        };
        to_result(code, error)?;
        answers.finish(hashes)
    }

    fn metadata(&self) -> Result<Metadata> {
        let metadata = non_null(self.vtable.metadata, "vtable: metadata")?;
        let mut synchronized_on = 0;
        let mut error = std::ptr::null_mut();
        // SAFETY: as in `memberships`.
        let code = unsafe { metadata(self.userdata.get(), &raw mut synchronized_on, &raw mut error) };
        to_result(code, error)?;
        Ok(Metadata { synchronized_on: Some(synchronized_on).filter(|time| *time != 0) })
    }
}

/// Converts what a callback returned.
fn to_result(code: raw_code, error: *mut bigseg_error) -> Result<()> {
    // SAFETY: NULL, or an object of `bigseg_error_new` whose ownership the store passes.
    let error = (!error.is_null()).then(|| unsafe { Box::from_raw(error) }.0);
    let text = error.as_ref().map_or("no details given", Error::message);
    match (code, kind_of(code)) {
        (0, _) if error.is_none() => Ok(()),
        (0, _) => Err(Error::new(
            ErrorKind::StoreData,
            format!("the custom store returned BIGSEG_OK together with an error: {text}"),
        )),
        (_, Some(kind)) => Err(Error::new(kind, format!("the custom store failed: {text}"))),
        (code, None) => Err(Error::new(
            ErrorKind::StoreData,
            format!("the custom store returned {code}, which is no code: {text}"),
        )),
    }
}
