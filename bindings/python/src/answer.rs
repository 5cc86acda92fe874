//! What the engine says about one context.

use pyo3::prelude::*;

use crate::error::exception;
use crate::membership::Membership;
use crate::python_types;

/// What the engine says about one context: a membership, and how far it can be trusted.
#[pyclass(frozen, module = "bigseg", freelist = 64)]
pub(crate) struct Answer(pub(crate) bigseg_core::Answer);

#[pymethods]
impl Answer {
    /// Returns `True` when included, `False` when excluded, `None` when the store has no value: the segment's rules
    /// decide then.
    #[pyo3(signature = (segment_ref, /))]
    fn check(&self, segment_ref: &str) -> Option<bool> {
        self.0.check(segment_ref)
    }

    /// The segments the context is in and out of; empty when nothing is known.
    #[getter]
    fn membership(&self) -> Membership {
        Membership(self.0.membership.clone())
    }

    /// How far the membership can be trusted.
    #[getter]
    fn status(&self, py: Python<'_>) -> Py<PyAny> {
        python_types::lookup_status(py, self.0.status)
    }

    /// Where the membership comes from.
    #[getter]
    fn origin(&self, py: Python<'_>) -> Py<PyAny> {
        python_types::origin(py, &self.0.origin)
    }

    /// How many seconds ago the store said it; 0 when it was just now, or when nothing is known.
    #[getter]
    fn age(&self) -> f64 {
        self.0.origin.age().as_secs_f64()
    }

    /// Why the store was not heard, as an exception that was not raised; `None` when it was.
    #[getter]
    fn error(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0.error.as_ref().map(|error| exception(py, error))
    }

    fn __repr__(&self) -> String {
        let membership = &self.0.membership;
        let (included, all) = (membership.included().len(), membership.len());
        format!("<Answer: {}, {included} included, {} excluded>", self.0.status.name(), all - included)
    }
}
