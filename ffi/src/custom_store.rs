//! Custom stores
//!
//! A program may read memberships from wherever it keeps them: it gives the engine two functions, and the engine does
//! the rest (cache, batching, deadline, circuit breaker, status) as for any other store.

use std::ffi::c_void;
use std::sync::Arc;

use bigseg_core::store::{BatchResult, BlockingStore, Metadata};
use bigseg_core::{ContextHash, Error, ErrorKind, Result};

use crate::code::{given_code, kind_of};
use crate::context_hash::bigseg_context_hash;
use crate::error::bigseg_error;
use crate::guard::non_null;
use crate::sized::{SizedStruct, read_struct};
use crate::store_results::bigseg_answers;
use crate::userdata::Userdata;

/// Answers for `count` contexts, by filling `answers`; `hashes` has one entry for each.
///
/// Returns `BIGSEG_OK`, or a code when the store failed, and may then put an object made by `bigseg_error_new` into
/// `error`, which the engine frees. A number that is no code, and an error beside `BIGSEG_OK`, count as
/// `BIGSEG_STORE_DATA`.
///
/// Called on threads of the library, up to 8 at once. It may block: lookups stop waiting at their deadline. It must not
/// close or free the engine that calls it, nor look up contexts in that engine: such a lookup waits for this query,
/// until the deadline, and then reports `BIGSEG_LOOKUP_STORE_ERROR`. `bigseg_engine_cached` never waits and is allowed.
pub type bigseg_store_memberships = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        hashes: *const bigseg_context_hash,
        count: usize,
        answers: *mut bigseg_answers,
        error: *mut *mut bigseg_error,
    ) -> given_code,
>;

/// Says when the store was last known to match its source, by setting `synchronized_on_unix_ms`; it is 0, which means
/// "never", beforehand. Doubles as the health check. Results, errors and threads as for `bigseg_store_memberships`.
pub type bigseg_store_metadata = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        synchronized_on_unix_ms: *mut i64,
        error: *mut *mut bigseg_error,
    ) -> given_code,
>;

/// The functions of a custom store. Copied when it is given to a config.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_store_vtable {
    /// `sizeof(bigseg_store_vtable)`.
    pub struct_size: usize,
    /// Answers for contexts; required.
    pub memberships: bigseg_store_memberships,
    /// Tells the sync time; required.
    pub metadata: bigseg_store_metadata,
}

// SAFETY: a function pointer that may be NULL is valid as zeros.
unsafe impl SizedStruct for bigseg_store_vtable {
    const FIRST_SIZE: usize = 3 * size_of::<usize>();
}

const _: () = assert!(size_of::<bigseg_store_vtable>() == 3 * size_of::<usize>());

/// A store behind a vtable; clones share the one `userdata`.
#[derive(Clone)]
pub(crate) struct CustomStore {
    vtable: bigseg_store_vtable,
    userdata: Arc<Userdata>,
}

impl CustomStore {
    /// Takes a store over, if its vtable is complete.
    pub(crate) fn new(vtable: *const bigseg_store_vtable, userdata: Userdata) -> Result<Self> {
        // SAFETY: the header asks for a struct that is as long as it says.
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
        // SAFETY: the host gave function and userdata together; everything lent lives until the call is over.
        let code = unsafe {
            memberships(self.userdata.get(), texts.as_ptr(), texts.len(), &raw mut answers, &raw mut error)
        };
        outcome(code, error)?;
        answers.finish(hashes)
    }

    fn metadata(&self) -> Result<Metadata> {
        let metadata = non_null(self.vtable.metadata, "vtable: metadata")?;
        let (mut synchronized_on, mut error) = (0, std::ptr::null_mut());
        // SAFETY: as above.
        let code = unsafe { metadata(self.userdata.get(), &raw mut synchronized_on, &raw mut error) };
        outcome(code, error)?;
        Ok(Metadata { synchronized_on: Some(synchronized_on).filter(|time| *time != 0) })
    }
}

/// Makes sense of what a callback returned, or says why that is impossible.
fn outcome(code: given_code, error: *mut bigseg_error) -> Result<()> {
    // SAFETY: NULL as we set it, or an object of `bigseg_error_new` that the store gives to us.
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
