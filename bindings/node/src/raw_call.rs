//! One call of a native function from JavaScript, in raw Node-API: its arguments, result and
//! errors.

use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use bigseg::{Context, Error, ErrorKind, Result};
use napi::bindgen_prelude::{External, FromNapiValue};
use napi_sys as sys;

use crate::engine_state::EngineState;

/// The size of the stack buffer; a longer text is read into an allocation.
const STACK_BUFFER: usize = 1024;

/// One call from JavaScript.
pub(crate) struct Call<'a> {
    env: sys::napi_env,
    arguments: [sys::napi_value; 4],
    pub(crate) state: &'a EngineState,
}

impl Call<'_> {
    /// Reads a number; any other value counts as -1, which no function accepts.
    pub(crate) fn number(&self, index: usize) -> f64 {
        let mut number = -1.0;
        // SAFETY: a missing argument is the value `undefined`.
        unsafe { sys::napi_get_value_double(self.env, self.arguments[index], &mut number) };
        number
    }

    /// Borrows a parsed context.
    pub(crate) fn context(&self, index: usize) -> Result<&Context> {
        // SAFETY: the type of the value is checked, and JavaScript keeps it alive during the call.
        let context = unsafe { <&External<Context>>::from_napi_value(self.env, self.arguments[index]) };
        let invalid = || Error::new(ErrorKind::InvalidArgument, "the context was not parsed by this package");
        context.map(|context| &**context).map_err(|_| invalid())
    }

    /// Reads the UTF-8 of a string.
    pub(crate) fn text<T>(&self, index: usize, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        with_text(self.env, self.arguments[index], read)
    }

    /// Reads the UTF-8 of each string of an array.
    pub(crate) fn texts(&self, index: usize, read: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let env = self.env;
        let array = self.arguments[index];
        let mut length = 0;
        // SAFETY: Node-API refuses a value that is not an array.
        ok(unsafe { sys::napi_get_array_length(env, array, &mut length) }).ok_or_else(not_a_string)?;
        for index in 0..length {
            let mut scope = ptr::null_mut();
            let mut element = ptr::null_mut();
            // SAFETY: on the thread of the environment; the scope limits the life of each handle.
            unsafe {
                sys::napi_open_handle_scope(env, &mut scope);
                sys::napi_get_element(env, array, index, &mut element);
            }
            let result = with_text(env, element, &mut *read);
            // SAFETY: the scope was opened above.
            unsafe { sys::napi_close_handle_scope(env, scope) };
            result?;
        }
        Ok(())
    }

    /// Makes a JavaScript string.
    pub(crate) fn text_value(&self, text: &str) -> sys::napi_value {
        let mut value = ptr::null_mut();
        // SAFETY: on the thread of the environment; the length is that of the text.
        unsafe {
            let start = text.as_ptr().cast::<c_char>();
            sys::napi_create_string_utf8(self.env, start, text.len() as isize, &mut value)
        };
        value
    }
}

/// Reads the UTF-8 of a string; Node-API replaces lone surrogates by U+FFFD.
fn with_text<T>(
    env: sys::napi_env,
    value: sys::napi_value,
    read: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<T> {
    let mut buffer = [0_u8; STACK_BUFFER];
    let mut length = 0;
    // SAFETY: the size is that of the buffer, and the value belongs to this environment.
    let status = unsafe {
        let start = buffer.as_mut_ptr().cast::<c_char>();
        sys::napi_get_value_string_utf8(env, value, start, buffer.len(), &mut length)
    };
    ok(status).ok_or_else(not_a_string)?;
    // Node-API omits a character that does not fit; the longest has 4 bytes, and a NUL follows.
    if length + 5 <= buffer.len() {
        return read(&buffer[..length]);
    }
    // SAFETY: a call without a buffer returns the length; the second buffer has room for that and a
    // NUL.
    let long = unsafe {
        sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &mut length);
        let mut long = vec![0_u8; length + 1];
        sys::napi_get_value_string_utf8(env, value, long.as_mut_ptr().cast(), long.len(), &mut length);
        long
    };
    read(&long[..length])
}

fn not_a_string() -> Error {
    Error::new(ErrorKind::InvalidArgument, "a context key or a context hash is a string")
}

/// Returns `Some` for a successful call of Node-API.
pub(crate) fn ok(status: sys::napi_status) -> Option<()> {
    (status == sys::Status::napi_ok).then_some(())
}

/// Sets a property of an object.
pub(crate) fn set_property(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &CStr,
    value: sys::napi_value,
) -> Option<()> {
    // SAFETY: on the thread of the environment, with values of it.
    ok(unsafe { sys::napi_set_named_property(env, object, name.as_ptr(), value) })
}

/// Runs a function that returns a number; an error or a panic becomes an exception.
pub(crate) fn guard_number(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&Call<'_>) -> Result<i64>,
) -> sys::napi_value {
    guard_value(env, info, |call| {
        let number = body(call)?;
        let mut value = ptr::null_mut();
        // SAFETY: on the thread of the environment.
        unsafe { sys::napi_create_int64(env, number, &mut value) };
        Ok(value)
    })
}

/// Runs a function that returns any value; an error or a panic becomes an exception.
pub(crate) fn guard_value(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&Call<'_>) -> Result<sys::napi_value>,
) -> sys::napi_value {
    let mut arguments = [ptr::null_mut(); 4];
    let mut count = arguments.len();
    let mut data = ptr::null_mut();
    // SAFETY: Node passes these arguments. `data` is the engine state, of which the function owns a
    // reference.
    let state = unsafe {
        sys::napi_get_cb_info(env, info, &mut count, arguments.as_mut_ptr(), ptr::null_mut(), &mut data);
        &*data.cast::<EngineState>()
    };
    let call = Call { env, arguments, state };
    let result = catch_unwind(AssertUnwindSafe(|| body(&call)));
    match result.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Internal, "a lookup panicked, which is a bug in bigseg"))
    }) {
        Ok(value) => value,
        Err(error) => {
            let text = |text: &str| CString::new(text.replace('\0', " ")).unwrap_or_default();
            let code = text(error.kind().name());
            let message = text(error.message());
            // SAFETY: on the thread of the environment.
            unsafe { sys::napi_throw_error(env, code.as_ptr(), message.as_ptr()) };
            ptr::null_mut()
        }
    }
}
