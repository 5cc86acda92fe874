//! Callbacks
//!
//! A callback that outlives the call comes with `userdata`, which is handed to it each time, and `destroy`, which
//! releases that. The library takes `userdata` over at once, whatever the call returns. After `bigseg_engine_free` has
//! returned, none of the engine's callbacks runs.

use std::ffi::c_void;

/// Releases the `userdata` of a callback; NULL when there is nothing to release.
///
/// Called exactly once, when the callback is not running and will not run again: before the call returns that failed
/// to register it, on the thread that removes or frees, or on one of the library's.
pub type bigseg_destroy = Option<unsafe extern "C" fn(userdata: *mut c_void)>;

/// Owns a callback's `userdata`: dropping it is what calls `destroy`, so that no path can forget or repeat it.
pub(crate) struct Userdata {
    data: *mut c_void,
    destroy: bigseg_destroy,
}

// SAFETY: the header tells the host that callbacks run on threads of the library.
unsafe impl Send for Userdata {}
// SAFETY: as above; several at once, unless a callback's comment says otherwise.
unsafe impl Sync for Userdata {}

impl Userdata {
    /// Takes it over.
    pub(crate) fn new(data: *mut c_void, destroy: bigseg_destroy) -> Self {
        Self { data, destroy }
    }

    /// Returns the pointer to hand to the callback.
    pub(crate) fn get(&self) -> *mut c_void {
        self.data
    }
}

impl Drop for Userdata {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the host gave the two together.
            unsafe { destroy(self.data) };
        }
    }
}
