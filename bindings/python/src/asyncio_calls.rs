//! The calls that asyncio awaits. Each function returns an asyncio future of the running loop.

use bigseg::ContextHash;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::answer::Answer;
use crate::argument::{hash_of_key, hashes, parse_hash};
use crate::asyncio_bridge::{outcome, start};
use crate::context::ContextArgument;
use crate::engine::Engine;
use crate::evaluation::{Evaluation, SegmentAnswer, explanation_object};
use crate::integration::Integration;
use crate::python_types;

type Future<'py> = PyResult<Bound<'py, PyAny>>;

#[pyfunction]
#[pyo3(signature = (engine, context_key, /))]
pub(crate) fn start_membership<'py>(
    engine: &Bound<'py, Engine>,
    context_key: &Bound<'py, PyAny>,
) -> Future<'py> {
    start_lookup(engine, hash_of_key(context_key)?)
}

#[pyfunction]
#[pyo3(signature = (engine, context_hash, /))]
pub(crate) fn start_membership_by_hash<'py>(
    engine: &Bound<'py, Engine>,
    context_hash: &Bound<'py, PyAny>,
) -> Future<'py> {
    start_lookup(engine, parse_hash(context_hash)?)
}

#[pyfunction]
#[pyo3(signature = (engine, context_keys, /))]
pub(crate) fn start_memberships<'py>(
    engine: &Bound<'py, Engine>,
    context_keys: &Bound<'py, PyAny>,
) -> Future<'py> {
    start_lookups(engine, hashes(context_keys, hash_of_key)?)
}

#[pyfunction]
#[pyo3(signature = (engine, context_hashes, /))]
pub(crate) fn start_memberships_by_hash<'py>(
    engine: &Bound<'py, Engine>,
    context_hashes: &Bound<'py, PyAny>,
) -> Future<'py> {
    start_lookups(engine, hashes(context_hashes, parse_hash)?)
}

fn start_lookup<'py>(engine: &Bound<'py, Engine>, hash: ContextHash) -> Future<'py> {
    let py = engine.py();
    let engine = engine.get().process_engine(py)?.engine.clone();
    start(py, async move {
        let answer = engine.membership(hash).await?;
        outcome(move |py| Ok(Py::new(py, Answer(answer))?.into_any()))
    })
}

fn start_lookups<'py>(engine: &Bound<'py, Engine>, hashes: Vec<ContextHash>) -> Future<'py> {
    let py = engine.py();
    let engine = engine.get().process_engine(py)?.engine.clone();
    start(py, async move {
        let answers = engine.memberships(&hashes).await?;
        outcome(move |py| {
            let answers = answers.into_iter().map(|answer| Py::new(py, Answer(answer)));
            Ok(PyList::new(py, answers.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
        })
    })
}

#[pyfunction]
#[pyo3(signature = (engine, flag_key, context, default, /))]
pub(crate) fn start_evaluate<'py>(
    engine: &Bound<'py, Engine>,
    flag_key: String,
    context: &Bound<'py, PyAny>,
    default: Py<PyAny>,
) -> Future<'py> {
    let py = engine.py();
    let context = ContextArgument::new(context)?.into_owned();
    let engine = engine.get().process_engine(py)?.engine.clone();
    start(py, async move {
        let evaluation = engine.evaluate(&flag_key, &context).await?;
        outcome(move |py| Ok(Py::new(py, Evaluation::new(evaluation, default))?.into_any()))
    })
}

#[pyfunction]
#[pyo3(signature = (engine, segment_key, context, /))]
pub(crate) fn start_segment_contains<'py>(
    engine: &Bound<'py, Engine>,
    segment_key: String,
    context: &Bound<'py, PyAny>,
) -> Future<'py> {
    let py = engine.py();
    let context = ContextArgument::new(context)?.into_owned();
    let engine = engine.get().process_engine(py)?.engine.clone();
    start(py, async move {
        let answer = engine.segment_contains(&segment_key, &context).await?;
        outcome(move |py| Ok(Py::new(py, SegmentAnswer(answer))?.into_any()))
    })
}

#[pyfunction]
#[pyo3(signature = (engine, segment_key, context, /))]
pub(crate) fn start_explain<'py>(
    engine: &Bound<'py, Engine>,
    segment_key: String,
    context: &Bound<'py, PyAny>,
) -> Future<'py> {
    let py = engine.py();
    let context = ContextArgument::new(context)?.into_owned();
    let engine = engine.get().process_engine(py)?.engine.clone();
    start(py, async move {
        let explanation = engine.explain(&segment_key, &context).await?;
        outcome(move |py| explanation_object(py, &explanation))
    })
}

#[pyfunction]
#[pyo3(signature = (engine, /))]
pub(crate) fn start_refresh_status<'py>(engine: &Bound<'py, Engine>) -> Future<'py> {
    let py = engine.py();
    let engine = engine.get().process_engine(py)?.engine.clone();
    start(py, async move {
        let status = engine.refresh_status().await?;
        outcome(move |py| python_types::store_status(py, &status))
    })
}

#[pyfunction]
#[pyo3(signature = (engine, /))]
pub(crate) fn start_close<'py>(engine: &Bound<'py, Engine>) -> Future<'py> {
    let py = engine.py();
    let engine = engine.get().mark_closed();
    start(py, async move {
        if let Some(engine) = engine {
            engine.close().await;
        }
        outcome(after_close)
    })
}

#[pyfunction]
#[pyo3(signature = (integration, /))]
pub(crate) fn start_close_integration<'py>(integration: &Bound<'py, Integration>) -> Future<'py> {
    let py = integration.py();
    let integration = integration.get().mark_closed();
    start(py, async move {
        if let Some(integration) = integration {
            integration.close().await;
        }
        outcome(after_close)
    })
}

fn after_close(py: Python<'_>) -> PyResult<Py<PyAny>> {
    crate::log::deliver(py);
    Ok(py.None())
}
