//! Errors
//!
//! An error has a code for branching, and a message for a person: what failed, where, and what to
//! do. It never contains a context key or a password.

use bigseg::{Error, ErrorKind};

use crate::checks::guard_value;
use crate::code::{bigseg_code, kind_of, raw_code};
use crate::text::bigseg_str;

/// An error. It is immutable; any thread may read it.
pub struct bigseg_error(pub(crate) Error);

impl bigseg_error {
    /// Passes the ownership of an error to the host.
    pub(crate) fn into_raw(error: Error) -> *mut Self {
        Box::into_raw(Box::new(Self(error)))
    }
}

/// Makes an error for a custom store to return. `BIGSEG_OK` and unknown numbers become
/// `BIGSEG_STORE_DATA`; invalid UTF-8 in the message is replaced. Free it with `bigseg_error_free`,
/// unless a callback of the store returns it. Returns NULL only for a defect of the library.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_new(code: raw_code, message: bigseg_str) -> *mut bigseg_error {
    guard_value(std::ptr::null_mut(), || bigseg_error::into_raw(error_from_host(code, message)))
}

/// Returns the code; `BIGSEG_OK` for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_code(error: Option<&bigseg_error>) -> bigseg_code {
    guard_value(bigseg_code::BIGSEG_INTERNAL, || {
        error.map_or(bigseg_code::BIGSEG_OK, |error| bigseg_code::of(error.0.kind()))
    })
}

/// Returns the message for a person, borrowed from the error; empty for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_message(error: Option<&bigseg_error>) -> bigseg_str {
    guard_value(bigseg_str::of(""), || bigseg_str::of(error.map_or("", |error| error.0.message())))
}

/// Returns whether the same call can succeed later without a change by the caller; false for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_retryable(error: Option<&bigseg_error>) -> bool {
    guard_value(false, || error.is_some_and(|error| error.0.retryable()))
}

/// Frees an error.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_free(error: Option<Box<bigseg_error>>) {
    guard_value((), || drop(error));
}

/// Builds an error from the code and the message of a custom store.
pub(crate) fn error_from_host(code: raw_code, message: bigseg_str) -> Error {
    let text = message.bytes("message").map_or_else(|e| e.to_string().into(), String::from_utf8_lossy);
    match kind_of(code) {
        Some(kind) => Error::new(kind, text),
        None => {
            Error::new(ErrorKind::StoreData, format!("{text} (reported with {code}, which is no error code)"))
        }
    }
}
