//! Strings
//!
//! `BIGSEG_STR("literal")` makes a string, and `printf(BIGSEG_FORMAT, BIGSEG_PRINT(text))` prints
//! one.

use std::ffi::{CStr, c_char};

use bigseg::Result;

use crate::checks::{array, guard_value, invalid};

/// Borrowed UTF-8 text with a length, without a terminating NUL.
///
/// An argument is read during the call only; its `data` may be NULL only when `length` is 0. A
/// result is borrowed from the handle that returned it; its `data` is never NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_str {
    /// The first byte.
    pub data: *const c_char,
    /// The number of bytes.
    pub length: usize,
}

const _: () = assert!(size_of::<bigseg_str>() == 2 * size_of::<usize>());

impl bigseg_str {
    /// Borrows text. The caller ensures that it lives as long as the header promises.
    pub(crate) fn of(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), length: text.len() }
    }

    /// Returns the bytes of an argument.
    ///
    /// The caller chooses the lifetime; the header promises only the duration of the call.
    pub(crate) fn bytes<'a>(self, name: &str) -> Result<&'a [u8]> {
        // SAFETY: the header requires `length` readable bytes for the duration of the call.
        unsafe { array(self.data.cast(), self.length, name) }
    }

    /// Returns the text of an argument.
    pub(crate) fn utf8<'a>(self, name: &str) -> Result<&'a str> {
        std::str::from_utf8(self.bytes(name)?)
            .map_err(|e| invalid(format!("{name} is not UTF-8 (at byte {})", e.valid_up_to())))
    }
}

/// Borrows a NUL-terminated text, which must outlive the result; NULL is an empty text.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_str_of(text: *const c_char) -> bigseg_str {
    guard_value(bigseg_str::of(""), || {
        if text.is_null() {
            return bigseg_str::of("");
        }
        // SAFETY: the header requires a NUL-terminated text.
        bigseg_str { data: text, length: unsafe { CStr::from_ptr(text) }.count_bytes() }
    })
}
