//! Calls of JavaScript's functions, on the environment's thread.

use std::ptr;

use napi::bindgen_prelude::ToNapiValue;
use napi_sys as sys;

/// Calls one function of JavaScript's, within a handle scope.
pub(crate) struct Courier {
    pub(crate) env: sys::napi_env,
    pub(crate) deliver: sys::napi_value,
}

impl Courier {
    /// Makes a value of JavaScript's.
    pub(crate) fn make(&self, value: impl ToNapiValue) -> napi::Result<sys::napi_value> {
        // SAFETY: on the environment's thread, within a handle scope.
        unsafe { ToNapiValue::to_napi_value(self.env, value) }
    }

    /// Makes an array buffer of numbers.
    pub(crate) fn numbers(&self, numbers: &[f64]) -> napi::Result<sys::napi_value> {
        let (mut place, mut buffer) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: as above; what is written is as long as the buffer.
        unsafe {
            let status =
                sys::napi_create_arraybuffer(self.env, size_of_val(numbers), &mut place, &mut buffer);
            if status != sys::Status::napi_ok {
                return Err(napi::Error::from_status(status.into()));
            }
            ptr::copy_nonoverlapping(numbers.as_ptr(), place.cast::<f64>(), numbers.len());
        }
        Ok(buffer)
    }

    /// Calls the function.
    pub(crate) fn call(&self, arguments: &[sys::napi_value]) -> napi::Result<()> {
        let this = self.make(())?;
        // SAFETY: as above. The function throws nothing; if it does all the same, Node calls it an uncaught exception.
        unsafe {
            sys::napi_call_function(
                self.env,
                this,
                self.deliver,
                arguments.len(),
                arguments.as_ptr(),
                ptr::null_mut(),
            )
        };
        Ok(())
    }
}
