//! Checks at the C boundary that need no code and no error object: arguments are validated, panics
//! are caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bigseg::{Error, ErrorKind, Result};

/// Runs the body of a function that returns a plain value; returns `fallback` for a panic.
pub(crate) fn guard_value<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch(body).unwrap_or_else(|defect| {
        log::error!("{defect}");
        fallback
    })
}

/// Runs `body`; a panic becomes an error.
pub(crate) fn catch<T>(body: impl FnOnce() -> T) -> Result<T> {
    // A panic can interrupt a change, but every structure of core is consistent between statements.
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
        Error::new(ErrorKind::Internal, format!("a defect of libbigseg: {}", panic_text(&*panic)))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "a panic without text"
    }
}

/// Returns an [`ErrorKind::InvalidArgument`] error.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// Returns an argument, or an error that names it when it is NULL.
pub(crate) fn non_null<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| invalid(format!("{name} is NULL")))
}

/// Returns an array, whose pointer may be NULL only when `count` is 0.
///
/// # Safety
/// `items` points to `count` values that live, and do not change, as long as the result is used.
pub(crate) unsafe fn array<'a, T>(items: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    check_array(items, count, name)?;
    // SAFETY: the caller guarantees it, and the length was checked.
    Ok(unsafe { std::slice::from_raw_parts(items, count) })
}

/// Checks the pointer and the length of an array.
pub(crate) fn check_array<T>(items: *const T, count: usize, name: &str) -> Result<()> {
    if items.is_null() && count > 0 {
        return Err(invalid(format!("{name} is NULL")));
    }
    match count.checked_mul(size_of::<T>()) {
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(()),
        _ => Err(invalid(format!(
            "{name} cannot have {count} elements: the array is larger than the address space"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_the_fallback() {
        assert_eq!(guard_value(7, || panic!("{}", "owned text")), 7);
    }
}
