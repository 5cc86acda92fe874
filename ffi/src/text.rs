//! Strings
//!
//! `BIGSEG_STR("literal")` makes a string, and `printf(BIGSEG_FORMAT, BIGSEG_PRINT(text))` prints one.

use std::ffi::{CStr, c_char};

use bigseg_core::Result;

use crate::guard::{array, guard_value, invalid};

/// UTF-8 text of a given length, borrowed.
///
/// As an argument it is read during the call only, and `data` may be NULL only when `length` is 0. As a result it
/// belongs to the handle it was asked of; `data` is then never NULL. Neither needs, or has, a terminating NUL.
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
    /// Borrows text; the caller sees to it that it lives as long as the header says.
    pub(crate) fn of(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), length: text.len() }
    }

    /// Returns the bytes of an argument.
    ///
    /// The lifetime is the caller's choice; the header promises no more than the duration of the call.
    pub(crate) fn bytes<'a>(self, name: &str) -> Result<&'a [u8]> {
        // SAFETY: the header asks the host for `length` readable bytes for as long as the call lasts.
        unsafe { array(self.data.cast(), self.length, name) }
    }

    /// Returns the text of an argument.
    pub(crate) fn utf8<'a>(self, name: &str) -> Result<&'a str> {
        std::str::from_utf8(self.bytes(name)?)
            .map_err(|e| invalid(format!("{name} is not UTF-8 (at byte {})", e.valid_up_to())))
    }
}

/// Borrows a text that ends with a NUL, as long as that lives; NULL is taken as empty.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_str_of(text: *const c_char) -> bigseg_str {
    guard_value(bigseg_str::of(""), || {
        if text.is_null() {
            return bigseg_str::of("");
        }
        // SAFETY: the header asks for a text that ends with a NUL.
        bigseg_str { data: text, length: unsafe { CStr::from_ptr(text) }.count_bytes() }
    })
}
