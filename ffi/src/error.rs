//! Errors
//!
//! What went wrong, as an object: a code to branch on, and one sentence for a person that says what failed, where,
//! and what to do. It never holds a context key or a password.

use bigseg_core::{Error, ErrorKind};

use crate::code::{bigseg_code, given_code, kind_of};
use crate::guard::guard_value;
use crate::text::bigseg_str;

/// A failure. Immutable: it may be read from any thread.
pub struct bigseg_error(pub(crate) Error);

impl bigseg_error {
    /// Gives an error to the host, which frees it.
    pub(crate) fn into_raw(error: Error) -> *mut Self {
        Box::into_raw(Box::new(Self(error)))
    }
}

/// Makes an error, for a custom store to report. A number that is no code, or `BIGSEG_OK`, becomes
/// `BIGSEG_STORE_DATA`; text that is not UTF-8 is mended. Never returns NULL, except for a defect. Free it with
/// `bigseg_error_free`, unless a callback gives it away.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_new(code: given_code, message: bigseg_str) -> *mut bigseg_error {
    guard_value(std::ptr::null_mut(), || bigseg_error::into_raw(reported(code, message)))
}

/// Returns the code; `BIGSEG_OK` for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_code(error: Option<&bigseg_error>) -> bigseg_code {
    guard_value(bigseg_code::BIGSEG_INTERNAL, || {
        error.map_or(bigseg_code::BIGSEG_OK, |error| bigseg_code::of(error.0.kind()))
    })
}

/// Returns the sentence for a person, borrowed from the error; empty for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_message(error: Option<&bigseg_error>) -> bigseg_str {
    guard_value(bigseg_str::of(""), || bigseg_str::of(error.map_or("", |error| error.0.message())))
}

/// Returns whether trying again may help; see `bigseg_code_retryable`. False for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_retryable(error: Option<&bigseg_error>) -> bool {
    guard_value(false, || error.is_some_and(|error| error.0.retryable()))
}

/// Frees an error.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_error_free(error: Option<Box<bigseg_error>>) {
    guard_value((), || drop(error));
}

/// Builds an error from what foreign code says, whatever it says.
pub(crate) fn reported(code: given_code, message: bigseg_str) -> Error {
    let text = message.bytes("message").map_or_else(|e| e.to_string().into(), String::from_utf8_lossy);
    match kind_of(code) {
        Some(kind) => Error::new(kind, text),
        None => {
            Error::new(ErrorKind::StoreData, format!("{text} (reported with {code}, which is no error code)"))
        }
    }
}
