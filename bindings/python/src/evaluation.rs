//! What evaluations come to, and how the engine is asked for them: from the cache with the GIL, else without.

use bigseg_core::segment;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use crate::asyncio_bridge::{begin, outcome};
use crate::context::given;
use crate::engine::Engine;
use crate::error::raised;
use crate::gil::detached;
use crate::interruptible_wait::wait;
use crate::json::object_of;
use crate::python_types;

/// What a flag serves a context, and why. Without a list of free ones, since what comes from such a list is unknown to the
/// garbage collector.
#[pyclass(frozen, module = "bigseg")]
pub(crate) struct Evaluation {
    evaluation: segment::Evaluation,
    /// The caller's default, as the caller gave it, if that is the value.
    default: Option<Py<PyAny>>,
}

impl Evaluation {
    fn new(evaluation: segment::Evaluation, default: Py<PyAny>) -> Self {
        let default = evaluation.variation.is_none().then_some(default);
        Self { evaluation, default }
    }
}

#[pymethods]
impl Evaluation {
    /// What it serves, or the caller's default.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.default {
            Some(default) => Ok(default.bind(py).clone()),
            None => object_of(py, &self.evaluation.value),
        }
    }

    /// The index of the variation; `None` when the value is the caller's default.
    #[getter]
    fn variation(&self) -> Option<usize> {
        self.evaluation.variation
    }

    /// Why.
    #[getter]
    fn reason(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        python_types::reason(py, &self.evaluation.reason)
    }

    /// What each big segment decided that was asked for, in order.
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

/// Whether a context is in a segment, and why; it is true if it is.
#[pyclass(frozen, module = "bigseg", freelist = 64)]
pub(crate) struct SegmentAnswer(segment::SegmentAnswer);

#[pymethods]
impl SegmentAnswer {
    /// Whether it is.
    #[getter]
    fn is_match(&self) -> bool {
        self.0.is_match
    }

    /// Why there is no real answer, which is "no" then; else `None`.
    #[getter]
    fn error_kind(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0.error_kind.map(|kind| python_types::evaluation_error_kind(py, kind))
    }

    /// The worst status of the lookups that were attempted or refused; `None` if there were none.
    #[getter]
    fn status(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0.status.map(|status| python_types::lookup_status(py, status))
    }

    /// What this segment decided, then each big segment that its rules ask for, in order.
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

/// Arguments of a question about a flag.
pub(crate) struct FlagQuestion<'a, 'py> {
    pub(crate) flag_key: &'a str,
    pub(crate) context: &'a Bound<'py, PyAny>,
    pub(crate) default: Py<PyAny>,
}

impl Engine {
    pub(crate) fn evaluation(&self, py: Python<'_>, question: FlagQuestion<'_, '_>) -> PyResult<Evaluation> {
        let FlagQuestion { flag_key, context, default } = question;
        let (engine, context) = (self.engine(py)?, given(context)?);
        let context = context.get();
        // The default comes back as the object it is, and not through the core.
        let cached = engine.evaluate(flag_key, context).cached();
        let evaluation = match cached.map_err(|e| raised(py, &e))? {
            Some(evaluation) => evaluation,
            None => wait(py, engine.evaluate(flag_key, context))?.map_err(|e| raised(py, &e))?,
        };
        Ok(Evaluation::new(evaluation, default))
    }

    pub(crate) fn evaluation_now(
        &self,
        py: Python<'_>,
        question: FlagQuestion<'_, '_>,
    ) -> PyResult<Option<Evaluation>> {
        let FlagQuestion { flag_key, context, default } = question;
        let (engine, context) = (self.engine(py)?, given(context)?);
        let context = context.get();
        let cached = engine.evaluate(flag_key, context).cached();
        let evaluation = match cached.map_err(|e| raised(py, &e))? {
            Some(evaluation) => Some(evaluation),
            None => detached(py, || engine.evaluate(flag_key, context).now()).map_err(|e| raised(py, &e))?,
        };
        Ok(evaluation.map(|evaluation| Evaluation::new(evaluation, default)))
    }

    pub(crate) fn begin_evaluation<'py>(
        &self,
        py: Python<'py>,
        question: FlagQuestion<'_, '_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let FlagQuestion { flag_key, context, default } = question;
        let (flag_key, context) = (flag_key.to_owned(), given(context)?.into_owned());
        let engine = self.opened(py)?.engine.clone();
        begin(py, async move {
            let evaluation = engine.evaluate(&flag_key, &context).await?;
            outcome(move |py| Ok(Py::new(py, Evaluation::new(evaluation, default))?.into_any()))
        })
    }

    pub(crate) fn segment_answer(
        &self,
        py: Python<'_>,
        segment_key: &str,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<SegmentAnswer> {
        let (engine, context) = (self.engine(py)?, given(context)?);
        let context = context.get();
        let cached = engine.segment_contains(segment_key, context).cached().map_err(|e| raised(py, &e))?;
        if let Some(answer) = cached {
            return Ok(SegmentAnswer(answer));
        }
        let answer = wait(py, engine.segment_contains(segment_key, context))?;
        Ok(SegmentAnswer(answer.map_err(|e| raised(py, &e))?))
    }

    pub(crate) fn segment_answer_now(
        &self,
        py: Python<'_>,
        segment_key: &str,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<Option<SegmentAnswer>> {
        let (engine, context) = (self.engine(py)?, given(context)?);
        let context = context.get();
        let cached = engine.segment_contains(segment_key, context).cached().map_err(|e| raised(py, &e))?;
        if let Some(answer) = cached {
            return Ok(Some(SegmentAnswer(answer)));
        }
        let answer = detached(py, || engine.segment_contains(segment_key, context).now());
        Ok(answer.map_err(|e| raised(py, &e))?.map(SegmentAnswer))
    }

    pub(crate) fn begin_segment_answer<'py>(
        &self,
        py: Python<'py>,
        segment_key: &str,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (segment_key, context) = (segment_key.to_owned(), given(context)?.into_owned());
        let engine = self.opened(py)?.engine.clone();
        begin(py, async move {
            let answer = engine.segment_contains(&segment_key, &context).await?;
            outcome(move |py| Ok(Py::new(py, SegmentAnswer(answer))?.into_any()))
        })
    }

    pub(crate) fn explanation(
        &self,
        py: Python<'_>,
        segment_key: &str,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let (engine, context) = (self.engine(py)?, given(context)?);
        let explanation = wait(py, engine.explain(segment_key, context.get()))?;
        explained(py, explanation.map_err(|e| raised(py, &e))?)
    }

    pub(crate) fn begin_explanation<'py>(
        &self,
        py: Python<'py>,
        segment_key: &str,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (segment_key, context) = (segment_key.to_owned(), given(context)?.into_owned());
        let engine = self.opened(py)?.engine.clone();
        begin(py, async move {
            let explanation = engine.explain(&segment_key, &context).await?;
            outcome(move |py| explained(py, explanation))
        })
    }
}

fn explained(py: Python<'_>, explanation: bigseg_core::engine::Explanation) -> PyResult<Py<PyAny>> {
    let answer = Py::new(py, SegmentAnswer(explanation.answer.clone()))?.into_any();
    python_types::explanation(py, answer, &explanation)
}
