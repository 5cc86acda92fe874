//! The boundary of every function that returns a code: panics are caught, failures become codes.

use bigseg::Result;

use crate::checks::catch;
pub(crate) use crate::checks::{array, check_array, guard_value, invalid, non_null};
use crate::code::bigseg_code;
use crate::error::bigseg_error;

/// Runs the body of a function that can fail. On failure it writes the error, if `error` is not
/// NULL.
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

#[cfg(test)]
mod tests {
    use bigseg::{Error, ErrorKind};

    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_keeps_its_text() {
        let mut error = std::ptr::null_mut();
        let code = guard(Some(&mut error), || panic!("index out of bounds"));
        assert_eq!(code, bigseg_code::BIGSEG_INTERNAL);
        // SAFETY: `guard` has just made it.
        let error = unsafe { Box::from_raw(error) };
        assert!(error.0.message().contains("index out of bounds"));
    }

    #[test]
    fn the_error_output_is_optional() {
        let code = guard(None, || Err(Error::new(ErrorKind::Closed, "closed")));
        assert_eq!(code, bigseg_code::BIGSEG_CLOSED);
    }
}
