//! Conversion of errors to JavaScript, where they become `BigSegError`s.

use std::error::Error as _;

use bigseg::{Error, ErrorKind};
use napi_derive::napi;

/// The result of a function that JavaScript calls; the `code` of an error is the name of its kind.
pub(crate) type Result<T> = napi::Result<T, String>;

/// Converts an error of the core to an exception.
pub(crate) fn to_js_error(error: &Error) -> napi::Error<String> {
    let mut js_error = napi::Error::new(error.kind().name().to_owned(), error.message().to_owned());
    js_error.cause = error.source().map(|source| Box::new(napi::Error::from_reason(source.to_string())));
    js_error
}

/// Makes an exception for a bug.
pub(crate) fn internal(message: &str) -> napi::Error<String> {
    to_js_error(&Error::new(ErrorKind::Internal, message))
}

/// Converts results of the core, so that `?` throws their errors in JavaScript.
pub(crate) trait OrThrow<T> {
    /// Converts the error, if there is one, to an exception.
    fn or_throw(self) -> Result<T>;
}

impl<T> OrThrow<T> for bigseg::Result<T> {
    fn or_throw(self) -> Result<T> {
        self.map_err(|e| to_js_error(&e))
    }
}

/// An error as a plain object, for results that are not thrown.
#[napi(object, object_from_js = false)]
#[derive(Clone)]
pub struct Failure {
    /// The name of its kind.
    pub kind: String,
    /// The message for a person.
    pub message: String,
    /// The message of the cause.
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
