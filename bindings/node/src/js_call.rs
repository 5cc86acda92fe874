//! A call of a JavaScript function, on the thread of its environment.

use std::ptr;

use napi::bindgen_prelude::ToNapiValue;
use napi_sys as sys;

/// Calls one JavaScript function, within a handle scope.
pub(crate) struct JsCall {
    pub(crate) env: sys::napi_env,
    pub(crate) function: sys::napi_value,
}

impl JsCall {
    /// Converts a value to JavaScript.
    pub(crate) fn value(&self, value: impl ToNapiValue) -> napi::Result<sys::napi_value> {
        // SAFETY: on the thread of the environment, within a handle scope.
        unsafe { ToNapiValue::to_napi_value(self.env, value) }
    }

    /// Copies numbers to a new array buffer.
    pub(crate) fn array_buffer(&self, numbers: &[f64]) -> napi::Result<sys::napi_value> {
        let mut data = ptr::null_mut();
        let mut buffer = ptr::null_mut();
        // SAFETY: on the thread of the environment; the buffer has the size of the copied numbers.
        unsafe {
            let status = sys::napi_create_arraybuffer(self.env, size_of_val(numbers), &mut data, &mut buffer);
            if status != sys::Status::napi_ok {
                return Err(napi::Error::from_status(status.into()));
            }
            ptr::copy_nonoverlapping(numbers.as_ptr(), data.cast::<f64>(), numbers.len());
        }
        Ok(buffer)
    }

    /// Calls the function.
    pub(crate) fn call(&self, arguments: &[sys::napi_value]) -> napi::Result<()> {
        let this = self.value(())?;
        // SAFETY: on the thread of the environment. The package's functions do not throw; Node
        // reports an exception as uncaught.
        unsafe {
            sys::napi_call_function(
                self.env,
                this,
                self.function,
                arguments.len(),
                arguments.as_ptr(),
                ptr::null_mut(),
            )
        };
        Ok(())
    }
}
