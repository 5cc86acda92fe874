//! Conversion of errors to Python exceptions and back.

use bigseg::{Error, ErrorKind};
use pyo3::exceptions::{PyPermissionError, PyRuntimeError, PyTimeoutError};
use pyo3::prelude::*;

use crate::python_types::exception_class;

/// Converts an error to the exception of its kind; its source becomes the `__cause__`.
pub(crate) fn to_py_err(py: Python<'_>, error: &Error) -> PyErr {
    match exception_class(py, error.kind()).call1((error.message(),)) {
        Ok(exception) => {
            let exception = PyErr::from_value(exception);
            exception.set_cause(py, std::error::Error::source(error).map(|source| to_cause(py, source)));
            exception
        }
        Err(e) => e,
    }
}

/// Converts an error to an exception object that is not raised.
pub(crate) fn to_exception(py: Python<'_>, error: &Error) -> Py<PyAny> {
    to_py_err(py, error).into_value(py).into_any()
}

fn to_cause(py: Python<'_>, source: &(dyn std::error::Error + 'static)) -> PyErr {
    if let Some(error) = source.downcast_ref::<Error>() {
        to_py_err(py, error)
    } else if let Some(exception) = source.downcast_ref::<PyErr>() {
        exception.clone_ref(py)
    } else {
        PyRuntimeError::new_err(source.to_string())
    }
}

/// Converts an exception of a custom store to an error.
///
/// A `BigSegError` keeps its kind, a timeout and a refused permission have their own kinds, and
/// any other exception means that the store is unavailable.
pub(crate) fn from_custom_store(py: Python<'_>, exception: PyErr) -> Error {
    let value = exception.value(py);
    let kind_name = value.getattr("kind").and_then(|kind| kind.getattr("value")?.extract::<String>());
    let kind = match kind_name {
        Ok(name) => ErrorKind::ALL.iter().copied().find(|kind| kind.name() == name),
        Err(_) if exception.is_instance_of::<PyTimeoutError>(py) => Some(ErrorKind::StoreTimeout),
        Err(_) if exception.is_instance_of::<PyPermissionError>(py) => Some(ErrorKind::StorePermission),
        Err(_) => None,
    };
    let message = format!("the custom store raised {exception}");
    Error::with_source(kind.unwrap_or(ErrorKind::StoreUnavailable), message, exception)
}
