//! Callbacks
//!
//! A callback that can be called after the registering call has returned comes with `userdata`,
//! which each call receives, and `destroy`, which releases it. The library owns `userdata` from the
//! moment of the call, even if that call fails. After `bigseg_engine_free` has returned, no
//! callback of that engine runs.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use bigseg::Result;
use bigseg::status::ListenerId;

use crate::code::bigseg_code;
use crate::guard::non_null;

/// Releases the `userdata` of a callback; NULL when there is nothing to release.
///
/// Called exactly once, when the callback is not running and will not run again. If the registering
/// call fails, it is called before that call returns. Otherwise it is called on the thread that
/// removes the callback or frees its owner, or on a thread of the library.
pub type bigseg_destroy = Option<unsafe extern "C" fn(userdata: *mut c_void)>;

/// Owns the `userdata` of a callback. Dropping it calls `destroy`, so that no code path can omit or
/// repeat the call.
pub(crate) struct Userdata {
    data: *mut c_void,
    destroy: bigseg_destroy,
}

// SAFETY: the header tells the host that callbacks run on threads of the library.
unsafe impl Send for Userdata {}
// SAFETY: as above; callbacks run concurrently, unless their comment says otherwise.
unsafe impl Sync for Userdata {}

impl Userdata {
    /// Takes ownership.
    pub(crate) fn new(data: *mut c_void, destroy: bigseg_destroy) -> Self {
        Self { data, destroy }
    }

    /// Returns the pointer that the callback receives.
    pub(crate) fn get(&self) -> *mut c_void {
        self.data
    }
}

impl Drop for Userdata {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the host passed both together.
            unsafe { destroy(self.data) };
        }
    }
}

/// A callback that is called once with the result of an asynchronous call, or with an error code.
pub(crate) type Completion<T> = unsafe extern "C" fn(*mut c_void, bigseg_code, *const T);

/// Calls a completion callback. The result is borrowed: it is dropped when the callback returns.
pub(crate) fn complete<T>(callback: Completion<T>, userdata: &Userdata, result: Result<T>) {
    let (code, value) = match result {
        Ok(value) => (bigseg_code::BIGSEG_OK, Some(value)),
        Err(error) => (bigseg_code::of(error.kind()), None),
    };
    let value = value.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the host passed function and userdata together; the value lives until the call
    // returns.
    unsafe { callback(userdata.get(), code, value) };
}

/// A callback that is called with each new status.
pub(crate) type Listener<T> = unsafe extern "C" fn(*mut c_void, *const T);

/// Adds a status listener by `add`, which registers a function and returns its id.
pub(crate) fn add_listener<S: Clone + 'static, T: From<S> + 'static>(
    callback: Option<Listener<T>>,
    userdata: Userdata,
    id: Option<&mut MaybeUninit<u64>>,
    add: impl FnOnce(Box<dyn Fn(&S) + Send + Sync>) -> Result<ListenerId>,
) -> Result<()> {
    let callback = non_null(callback, "callback")?;
    let added = add(Box::new(move |status| {
        let status = T::from(status.clone());
        // SAFETY: the host passed function and userdata together; the status lives until the call
        // returns.
        unsafe { callback(userdata.get(), &raw const status) };
    }))?;
    if let Some(id) = id {
        id.write(added.number());
    }
    Ok(())
}
