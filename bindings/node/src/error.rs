//! Failures on their way to JavaScript, where they become `BigSegError`s.

use std::error::Error as _;

use bigseg_core::{Error, ErrorKind};
use napi_derive::napi;

/// A result of a function that JavaScript calls; the error's `code` there is the name of its kind.
pub(crate) type Result<T> = napi::Result<T, String>;

/// Turns an error of the core's into an exception.
pub(crate) fn raised(error: &Error) -> napi::Error<String> {
    let mut raised = napi::Error::new(error.kind().name().to_owned(), error.message().to_owned());
    raised.cause = error.source().map(|source| Box::new(napi::Error::from_reason(source.to_string())));
    raised
}

/// Makes the exception for what should not happen.
pub(crate) fn internal(message: &str) -> napi::Error<String> {
    raised(&Error::new(ErrorKind::Internal, message))
}

/// Lets `?` raise errors of the core's.
pub(crate) trait Raise<T> {
    /// Turns the error, if it is one, into an exception.
    fn raise(self) -> Result<T>;
}

impl<T> Raise<T> for bigseg_core::Result<T> {
    fn raise(self) -> Result<T> {
        self.map_err(|e| raised(&e))
    }
}

/// A failure as a plain object, for what is not thrown.
#[napi(object, object_from_js = false)]
#[derive(Clone)]
pub struct Failure {
    /// The name of its kind.
    pub kind: String,
    /// The sentence for a person.
    pub message: String,
    /// What caused it, in words.
    pub cause: Option<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().name().to_owned(),
            message: error.message().to_owned(),
            cause: error.source().map(ToString::to_string),
        }
    }
}
