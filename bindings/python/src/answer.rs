//! The answer to a lookup, as a Python object.

use pyo3::prelude::*;

use crate::error::to_exception;
use crate::membership::Membership;
use crate::python_types;

/// The answer to a lookup of one context: a membership, and how far it can be trusted.
#[pyclass(frozen, module = "bigseg", freelist = 64)]
pub(crate) struct Answer(pub(crate) bigseg::Answer);

#[pymethods]
impl Answer {
    /// Returns `True` when included, `False` when excluded, `None` when the store has no value: the
    /// segment's rules decide then.
    #[pyo3(signature = (segment_ref, /))]
    fn check(&self, segment_ref: &str) -> Option<bool> {
        self.0.check(segment_ref)
    }

    /// The segments that include or exclude the context; empty when nothing is known.
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

    /// The age of the store's answer in seconds; 0 when it was read for this lookup, or when
    /// nothing is known.
    #[getter]
    fn age(&self) -> f64 {
        self.0.origin.age().as_secs_f64()
    }

    /// Why the store gave no answer, as an exception that was not raised; `None` when it gave one.
    #[getter]
    fn error(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0.error.as_ref().map(|error| to_exception(py, error))
    }

    fn __repr__(&self) -> String {
        let membership = &self.0.membership;
        let included = membership.included().len();
        let excluded = membership.len() - included;
        format!("<Answer: {}, {included} included, {excluded} excluded>", self.0.status.name())
    }
}
