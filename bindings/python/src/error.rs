//! Errors on their way to Python and back.

use bigseg_core::{Error, ErrorKind};
use pyo3::exceptions::{PyPermissionError, PyRuntimeError, PyTimeoutError};
use pyo3::prelude::*;

use crate::python_types::exception_of;

/// Makes the exception of an error's kind; what caused the error becomes its `__cause__`.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    match exception_of(py, error.kind()).call1((error.message(),)) {
        Ok(exception) => {
            let exception = PyErr::from_value(exception);
            exception.set_cause(py, std::error::Error::source(error).map(|source| cause(py, source)));
            exception
        }
        Err(e) => e,
    }
}

/// Makes an exception of an error, as an object.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> Py<PyAny> {
    raised(py, error).into_value(py).into_any()
}

fn cause(py: Python<'_>, source: &(dyn std::error::Error + 'static)) -> PyErr {
    if let Some(error) = source.downcast_ref::<Error>() {
        raised(py, error)
    } else if let Some(exception) = source.downcast_ref::<PyErr>() {
        exception.clone_ref(py)
    } else {
        PyRuntimeError::new_err(source.to_string())
    }
}

/// Turns what a custom store raised into an error: of the kind it says, or else as if the store could not be reached.
pub(crate) fn store_failed(py: Python<'_>, exception: PyErr) -> Error {
    let value = exception.value(py);
    let said = value.getattr("kind").and_then(|kind| kind.getattr("value")?.extract::<String>());
    let kind = match said {
        Ok(name) => ErrorKind::ALL.iter().copied().find(|kind| kind.name() == name),
        Err(_) if exception.is_instance_of::<PyTimeoutError>(py) => Some(ErrorKind::StoreTimeout),
        Err(_) if exception.is_instance_of::<PyPermissionError>(py) => Some(ErrorKind::StorePermission),
        Err(_) => None,
    };
    let message = format!("the custom store raised {exception}");
    Error::with_source(kind.unwrap_or(ErrorKind::StoreUnavailable), message, exception)
}
