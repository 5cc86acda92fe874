//! The border: no panic crosses it, and every failure becomes a code.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bigseg_core::{Error, ErrorKind, Result};

use crate::code::bigseg_code;
use crate::error::bigseg_error;

/// Runs the body of a function that can fail; hands out the error if the caller wants it.
pub(crate) fn guard(error: Option<&mut *mut bigseg_error>, body: impl FnOnce() -> Result<()>) -> bigseg_code {
    match catch(body).and_then(|result| result) {
        Ok(()) => bigseg_code::BIGSEG_OK,
        Err(failure) => {
            let code = bigseg_code::of(failure.kind());
            if let Some(error) = error {
                *error = bigseg_error::into_raw(failure);
            }
            code
        }
    }
}

/// Runs the body of a function that returns a plain value, and returns `fallback` for a defect.
pub(crate) fn guard_value<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch(body).unwrap_or_else(|defect| {
        log::error!("{defect}");
        fallback
    })
}

fn catch<T>(body: impl FnOnce() -> T) -> Result<T> {
    // What the body was changing may be left half-done; every structure of the core is consistent between statements.
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
        Error::new(ErrorKind::Internal, format!("a defect of libbigseg: {}", text_of(&*panic)))
    })
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "a panic without text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_keeps_its_text() {
        let mut error = std::ptr::null_mut();
        let code = guard(Some(&mut error), || panic!("the shelf fell down"));
        assert_eq!(code, bigseg_code::BIGSEG_INTERNAL);
        // SAFETY: the guard has just made it.
        let error = unsafe { Box::from_raw(error) };
        assert!(error.0.message().contains("the shelf fell down"));
    }

    #[test]
    fn a_panic_becomes_the_fallback() {
        assert_eq!(guard_value(7, || panic!("{}", "owned text")), 7);
    }

    #[test]
    fn nobody_has_to_want_the_error() {
        let code = guard(None, || Err(Error::new(ErrorKind::Closed, "closed")));
        assert_eq!(code, bigseg_code::BIGSEG_CLOSED);
    }
}
