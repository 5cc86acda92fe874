//! Evaluation of flags and segments: results as Python objects, and the calls that produce them.
//!
//! A result that the cache allows is computed with the GIL, any other without it.

use bigseg::engine::Explanation;
use bigseg::{Engine, segment};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use crate::context::ContextArgument;
use crate::error::{to_exception, to_py_err};
use crate::gil::without_gil;
use crate::interruptible_wait::wait;
use crate::json::to_python;
use crate::python_types;

/// The result of evaluating a flag: a value and its reason.
///
/// The class has no freelist, because the garbage collector does not track objects of a freelist.
#[pyclass(frozen, module = "bigseg")]
pub(crate) struct Evaluation {
    evaluation: segment::Evaluation,
    /// The caller's default object, if the value is the default.
    default: Option<Py<PyAny>>,
}

impl Evaluation {
    pub(crate) fn new(evaluation: segment::Evaluation, default: Py<PyAny>) -> Self {
        let default = evaluation.variation.is_none().then_some(default);
        Self { evaluation, default }
    }
}

#[pymethods]
impl Evaluation {
    /// The value of the variation, or the caller's default.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.default {
            Some(default) => Ok(default.bind(py).clone()),
            None => to_python(py, &self.evaluation.value),
        }
    }

    /// The index of the variation; `None` when the value is the caller's default.
    #[getter]
    fn variation(&self) -> Option<usize> {
        self.evaluation.variation
    }

    /// The reason for the value.
    #[getter]
    fn reason(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        python_types::reason(py, &self.evaluation.reason)
    }

    /// The decision of each big segment that was consulted, in order.
    #[getter]
    fn decisions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        python_types::decisions(py, &self.evaluation.decisions)
    }

    fn __repr__(&self) -> String {
        let kind = self.evaluation.reason.kind;
        match self.evaluation.variation {
            Some(variation) => format!("<Evaluation: variation {variation}, {kind}>"),
            None => format!("<Evaluation: the default, {kind}>"),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.default)
    }
}

/// Whether a context is in a segment, and why; its truth value is that of `is_match`.
#[pyclass(frozen, module = "bigseg", freelist = 64)]
pub(crate) struct SegmentAnswer(pub(crate) segment::SegmentAnswer);

#[pymethods]
impl SegmentAnswer {
    /// Whether the context is in the segment.
    #[getter]
    fn is_match(&self) -> bool {
        self.0.is_match
    }

    /// Why the segment could not be evaluated, in which case `is_match` is `False`; else `None`.
    #[getter]
    fn error_kind(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0.error_kind.map(|kind| python_types::evaluation_error_kind(py, kind))
    }

    /// The worst status of the attempted or refused lookups; `None` if there were none.
    #[getter]
    fn status(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0.status.map(|status| python_types::lookup_status(py, status))
    }

    /// The decision of this segment, then of each big segment that its rules consulted, in order.
    #[getter]
    fn decisions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        python_types::decisions(py, &self.0.decisions)
    }

    fn __bool__(&self) -> bool {
        self.0.is_match
    }

    fn __repr__(&self) -> String {
        let what = if self.0.is_match { "a match" } else { "no match" };
        match (self.0.error_kind, self.0.decisions.first()) {
            (Some(kind), _) => format!("<SegmentAnswer: {what}, {kind}>"),
            (None, Some(decision)) => format!("<SegmentAnswer: {what}, {}>", decision.decider),
            (None, None) => format!("<SegmentAnswer: {what}>"),
        }
    }
}

/// The arguments of a flag evaluation.
pub(crate) struct FlagQuery<'a, 'py> {
    pub(crate) flag_key: &'a str,
    pub(crate) context: &'a Bound<'py, PyAny>,
    pub(crate) default: Py<PyAny>,
}

/// Evaluates a flag. The default object does not pass through the core, so it keeps its identity.
pub(crate) fn evaluate(py: Python<'_>, engine: &Engine, query: FlagQuery<'_, '_>) -> PyResult<Evaluation> {
    let FlagQuery { flag_key, context, default } = query;
    let context = ContextArgument::new(context)?;
    let context = context.get();
    let cached = engine.evaluate(flag_key, context).cached();
    let evaluation = match cached.map_err(|e| to_py_err(py, &e))? {
        Some(evaluation) => evaluation,
        None => wait(py, engine.evaluate(flag_key, context))?.map_err(|e| to_py_err(py, &e))?,
    };
    Ok(Evaluation::new(evaluation, default))
}

/// Evaluates a flag without waiting; `None` if the store would have to be queried.
pub(crate) fn evaluate_now(
    py: Python<'_>,
    engine: &Engine,
    query: FlagQuery<'_, '_>,
) -> PyResult<Option<Evaluation>> {
    let FlagQuery { flag_key, context, default } = query;
    let context = ContextArgument::new(context)?;
    let context = context.get();
    let cached = engine.evaluate(flag_key, context).cached();
    let evaluation = match cached.map_err(|e| to_py_err(py, &e))? {
        Some(evaluation) => Some(evaluation),
        None => {
            without_gil(py, || engine.evaluate(flag_key, context).now()).map_err(|e| to_py_err(py, &e))?
        }
    };
    Ok(evaluation.map(|evaluation| Evaluation::new(evaluation, default)))
}

/// Returns whether a context is in a segment.
pub(crate) fn segment_contains(
    py: Python<'_>,
    engine: &Engine,
    segment_key: &str,
    context: &Bound<'_, PyAny>,
) -> PyResult<SegmentAnswer> {
    let context = ContextArgument::new(context)?;
    let context = context.get();
    let cached = engine.segment_contains(segment_key, context).cached().map_err(|e| to_py_err(py, &e))?;
    if let Some(answer) = cached {
        return Ok(SegmentAnswer(answer));
    }
    let answer = wait(py, engine.segment_contains(segment_key, context))?;
    Ok(SegmentAnswer(answer.map_err(|e| to_py_err(py, &e))?))
}

/// Returns whether a context is in a segment without waiting; `None` if the store would have to be
/// queried.
pub(crate) fn segment_contains_now(
    py: Python<'_>,
    engine: &Engine,
    segment_key: &str,
    context: &Bound<'_, PyAny>,
) -> PyResult<Option<SegmentAnswer>> {
    let context = ContextArgument::new(context)?;
    let context = context.get();
    let cached = engine.segment_contains(segment_key, context).cached().map_err(|e| to_py_err(py, &e))?;
    if let Some(answer) = cached {
        return Ok(Some(SegmentAnswer(answer)));
    }
    let answer = without_gil(py, || engine.segment_contains(segment_key, context).now());
    Ok(answer.map_err(|e| to_py_err(py, &e))?.map(SegmentAnswer))
}

/// Returns whether a context is in a segment, with every fact that led to the answer.
pub(crate) fn explain(
    py: Python<'_>,
    engine: &Engine,
    segment_key: &str,
    context: &Bound<'_, PyAny>,
) -> PyResult<Py<PyAny>> {
    let context = ContextArgument::new(context)?;
    let explanation = wait(py, engine.explain(segment_key, context.get()))?;
    explanation_object(py, &explanation.map_err(|e| to_py_err(py, &e))?)
}

/// Converts an explanation to an `Explanation` object.
pub(crate) fn explanation_object(py: Python<'_>, explanation: &Explanation) -> PyResult<Py<PyAny>> {
    let answer = Py::new(py, SegmentAnswer(explanation.answer.clone()))?.into_any();
    let error = explanation.error.as_ref().map(|error| to_exception(py, error));
    python_types::explanation(py, answer, error, explanation)
}
