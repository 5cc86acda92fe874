//! Arguments as they come from C: each is checked for NULL and named in the message when it is.

use bigseg_core::{Error, ErrorKind, Result};

/// Fails with a message about an argument.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// Takes an argument that must not be NULL.
pub(crate) fn given<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| invalid(format!("{name} is NULL")))
}

/// Takes an array, whose pointer may be NULL only when it is empty.
///
/// # Safety
/// `items` points to `count` values that live and do not change as long as the result is used.
pub(crate) unsafe fn array<'a, T>(items: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    check_array(items, count, name)?;
    // SAFETY: the caller promises it, and the length was checked.
    Ok(unsafe { std::slice::from_raw_parts(items, count) })
}

/// Checks the address and length of an array that is to be written.
pub(crate) fn check_array<T>(items: *const T, count: usize, name: &str) -> Result<()> {
    if items.is_null() && count > 0 {
        return Err(invalid(format!("{name} is NULL")));
    }
    match count.checked_mul(size_of::<T>()) {
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(()),
        _ => Err(invalid(format!("{name} is said to have {count} elements, which cannot be"))),
    }
}
