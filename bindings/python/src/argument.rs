//! Conversion of arguments that Python passes.

use std::time::Duration;

use bigseg::{ContextHash, ContextKey, Error, ErrorKind};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::error::to_py_err;

/// Hashes a context key, which is a `str` or UTF-8 `bytes`.
pub(crate) fn hash_of_key(context_key: &Bound<'_, PyAny>) -> PyResult<ContextHash> {
    let py = context_key.py();
    let key = if let Ok(text) = context_key.cast::<PyString>() {
        // Python's own error contains the key, so it is not passed on.
        let text = text.to_str().map_err(|_| {
            let message = "the context key holds a lone surrogate, which is not UTF-8";
            to_py_err(py, &Error::new(ErrorKind::InvalidContextKey, message))
        })?;
        ContextKey::new(text)
    } else if let Ok(bytes) = context_key.cast::<PyBytes>() {
        ContextKey::from_bytes(bytes.as_bytes())
    } else {
        return Err(wrong_type("a context key is a str or bytes", context_key));
    };
    Ok(key.map_err(|e| to_py_err(py, &e))?.hash())
}

/// Parses a context hash, which is a `str` or `bytes` of 44 characters.
pub(crate) fn parse_hash(text: &Bound<'_, PyAny>) -> PyResult<ContextHash> {
    let hash = if let Ok(text) = text.cast::<PyString>() {
        // Text that is not UTF-8 is not base64 either.
        ContextHash::parse(text.to_str().unwrap_or_default())
    } else if let Ok(bytes) = text.cast::<PyBytes>() {
        ContextHash::parse(bytes.as_bytes())
    } else {
        return Err(wrong_type("a context hash is a str or bytes", text));
    };
    hash.map_err(|e| to_py_err(text.py(), &e))
}

/// Converts each element of an iterable with `to_hash`.
pub(crate) fn hashes(
    contexts: &Bound<'_, PyAny>,
    to_hash: fn(&Bound<'_, PyAny>) -> PyResult<ContextHash>,
) -> PyResult<Vec<ContextHash>> {
    if contexts.is_instance_of::<PyString>() || contexts.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err("several contexts are a list, not one str or bytes"));
    }
    contexts.try_iter()?.map(|context| to_hash(&context?)).collect()
}

/// Reads a duration, which is a number of seconds or a `timedelta`.
pub(crate) fn duration(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let seconds: f64 = if value.hasattr("total_seconds")? {
        value.call_method0("total_seconds")?.extract()?
    } else {
        value
            .extract()
            .map_err(|_| wrong_type(&format!("{name} is a number of seconds or a timedelta"), value))?
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        let message = format!("{name} is {seconds} s; it must be between 0 and a year");
        to_py_err(value.py(), &Error::new(ErrorKind::InvalidConfig, message))
    })
}

/// Returns a `TypeError` that names the type of the argument, never its value.
pub(crate) fn wrong_type(expected: &str, argument: &Bound<'_, PyAny>) -> PyErr {
    let name = argument.get_type().name().map_or_else(|_| "another type".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{expected}, not {name}"))
}
