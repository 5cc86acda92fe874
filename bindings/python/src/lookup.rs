//! Lookups: from the cache with the GIL, else without.

use bigseg_core::ContextHash;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::answer::Answer;
use crate::asyncio_bridge::{begin, outcome};
use crate::engine::Engine;
use crate::error::raised;
use crate::interruptible_wait::wait;

impl Engine {
    pub(crate) fn answer(&self, py: Python<'_>, hash: ContextHash) -> PyResult<Answer> {
        let engine = self.engine(py)?;
        if let Some(answer) = engine.membership(hash).cached().map_err(|e| raised(py, &e))? {
            return Ok(Answer(answer));
        }
        let answer = wait(py, engine.membership(hash))?;
        Ok(Answer(answer.map_err(|e| raised(py, &e))?))
    }

    pub(crate) fn cached_answer(&self, py: Python<'_>, hash: ContextHash) -> PyResult<Option<Answer>> {
        let answer = self.engine(py)?.membership(hash).cached().map_err(|e| raised(py, &e))?;
        Ok(answer.map(Answer))
    }

    pub(crate) fn answers(&self, py: Python<'_>, hashes: &[ContextHash]) -> PyResult<Vec<Answer>> {
        let answers = wait(py, self.engine(py)?.memberships(hashes))?;
        Ok(answers.map_err(|e| raised(py, &e))?.into_iter().map(Answer).collect())
    }

    pub(crate) fn begin_answer<'py>(
        &self,
        py: Python<'py>,
        hash: ContextHash,
    ) -> PyResult<Bound<'py, PyAny>> {
        let engine = self.opened(py)?.engine.clone();
        begin(py, async move {
            let answer = engine.membership(hash).await?;
            outcome(move |py| Ok(Py::new(py, Answer(answer))?.into_any()))
        })
    }

    pub(crate) fn begin_answers<'py>(
        &self,
        py: Python<'py>,
        hashes: Vec<ContextHash>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let engine = self.opened(py)?.engine.clone();
        begin(py, async move {
            let answers = engine.memberships(&hashes).await?;
            outcome(move |py| {
                let answers = answers.into_iter().map(|answer| Py::new(py, Answer(answer)));
                Ok(PyList::new(py, answers.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
            })
        })
    }
}
