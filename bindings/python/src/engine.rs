//! The engine, as an object of Python's.

use std::path::PathBuf;
use std::sync::Arc;

use bigseg_core::engine::Source;
use bigseg_core::status::ListenerId;
use bigseg_core::sync::SyncObserver;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::answer::Answer;
use crate::argument::{hash_of_key, hash_of_text, hashes, wrong_type};
use crate::asyncio_bridge::{begin, outcome};
use crate::context::json_text;
use crate::error::raised;
use crate::evaluation::{Evaluation, FlagQuestion, SegmentAnswer};
use crate::fork_aware_engine::{Opened, Opening, Plan, listen};
use crate::gil::detached;
use crate::interruptible_wait::wait;
use crate::listeners::Listeners;
use crate::options::engine_config;
use crate::python_types;
use crate::store_config::StoreConfig;

/// The native half of `bigseg.Engine`, which is a subclass, and of `bigseg.aio.Engine`, which owns one.
#[pyclass(frozen, subclass, weakref, module = "bigseg._native")]
pub(crate) struct Engine {
    opening: Opening,
    listeners: Listeners,
}

impl Engine {
    /// Returns the engine of this process, opening it in a forked child.
    pub(crate) fn opened(&self, py: Python<'_>) -> PyResult<&Opened> {
        self.opening.get(py, &self.listeners)
    }

    /// Returns what an integration of this process is to tell of its changes.
    pub(crate) fn sync_observer(&self, py: Python<'_>) -> PyResult<Arc<dyn SyncObserver>> {
        Ok(self.engine(py)?.sync_observer())
    }

    pub(crate) fn engine(&self, py: Python<'_>) -> PyResult<&bigseg_core::Engine> {
        Ok(&self.opened(py)?.engine)
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*_arguments, **_options))]
    fn new(_arguments: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self { opening: Opening::default(), listeners: Listeners::default() }
    }

    /// Opens the engine, once; the store is named, custom, or none.
    fn _open(
        &self,
        py: Python<'_>,
        store: Option<&Bound<'_, StoreConfig>>,
        custom: Option<Py<PyAny>>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let mut config = engine_config(options)?;
        if let Some(store) = store {
            config.source = Source::Store(store.get().0.clone());
        }
        self.opening.open(py, Plan { config, custom: custom.map(Arc::new) })
    }

    /// Looks up the membership of the context with that key.
    #[pyo3(signature = (context_key, /))]
    fn membership(&self, py: Python<'_>, context_key: &Bound<'_, PyAny>) -> PyResult<Answer> {
        self.answer(py, hash_of_key(context_key)?)
    }

    /// Looks up the membership of the context with that hash.
    #[pyo3(signature = (context_hash, /))]
    fn membership_by_hash(&self, py: Python<'_>, context_hash: &Bound<'_, PyAny>) -> PyResult<Answer> {
        self.answer(py, hash_of_text(context_hash)?)
    }

    /// Looks up many contexts together, in their order.
    #[pyo3(signature = (context_keys, /))]
    fn memberships(&self, py: Python<'_>, context_keys: &Bound<'_, PyAny>) -> PyResult<Vec<Answer>> {
        self.answers(py, &hashes(context_keys, hash_of_key)?)
    }

    /// Looks up many hashes together, in their order.
    #[pyo3(signature = (context_hashes, /))]
    fn memberships_by_hash(
        &self,
        py: Python<'_>,
        context_hashes: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<Answer>> {
        self.answers(py, &hashes(context_hashes, hash_of_text)?)
    }

    /// Returns an answer if there is one without asking anybody; never waits.
    #[pyo3(signature = (context_key, /))]
    fn cached(&self, py: Python<'_>, context_key: &Bound<'_, PyAny>) -> PyResult<Option<Answer>> {
        self.cached_answer(py, hash_of_key(context_key)?)
    }

    /// Does the same for a hash.
    #[pyo3(signature = (context_hash, /))]
    fn cached_by_hash(&self, py: Python<'_>, context_hash: &Bound<'_, PyAny>) -> PyResult<Option<Answer>> {
        self.cached_answer(py, hash_of_text(context_hash)?)
    }

    /// Sets the flags and segments, from the JSON of the service.
    #[pyo3(signature = (json, /))]
    fn set_data(&self, py: Python<'_>, json: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(text) = json_text(json, "the data")? else {
            return Err(wrong_type("the data are JSON, as a str or bytes", json));
        };
        let engine = self.engine(py)?;
        detached(py, || engine.set_data(text)).map_err(|e| raised(py, &e))
    }

    /// Does the same from a file, and remembers it for `reload_data`.
    #[pyo3(signature = (path, /))]
    fn load_data(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let engine = self.engine(py)?;
        detached(py, || engine.load_data(path)).map_err(|e| raised(py, &e))
    }

    /// Reads the file of `load_data` again, if it has changed since; returns whether it had.
    fn reload_data(&self, py: Python<'_>) -> PyResult<bool> {
        let engine = self.engine(py)?;
        detached(py, || engine.reload_data()).map_err(|e| raised(py, &e))
    }

    /// Evaluates a flag for a context: what it serves, and why.
    #[pyo3(signature = (flag_key, context, /, default = None))]
    fn evaluate(
        &self,
        py: Python<'_>,
        flag_key: &str,
        context: &Bound<'_, PyAny>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Evaluation> {
        let default = default.unwrap_or_else(|| py.None());
        self.evaluation(py, FlagQuestion { flag_key, context, default })
    }

    /// Does the same if it can be done without waiting.
    #[pyo3(signature = (flag_key, context, /, default = None))]
    fn evaluate_now(
        &self,
        py: Python<'_>,
        flag_key: &str,
        context: &Bound<'_, PyAny>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Option<Evaluation>> {
        let default = default.unwrap_or_else(|| py.None());
        self.evaluation_now(py, FlagQuestion { flag_key, context, default })
    }

    /// Answers whether a context is in a segment, and why.
    #[pyo3(signature = (segment_key, context, /))]
    fn segment_contains(
        &self,
        py: Python<'_>,
        segment_key: &str,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<SegmentAnswer> {
        self.segment_answer(py, segment_key, context)
    }

    /// Does the same if it can be done without waiting.
    #[pyo3(signature = (segment_key, context, /))]
    fn segment_contains_now(
        &self,
        py: Python<'_>,
        segment_key: &str,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<Option<SegmentAnswer>> {
        self.segment_answer_now(py, segment_key, context)
    }

    /// Answers whether a context is in a segment, and explains it.
    #[pyo3(signature = (segment_key, context, /))]
    fn explain(&self, py: Python<'_>, segment_key: &str, context: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.explanation(py, segment_key, context)
    }

    /// Returns the store's status as far as it is known now; does not ask the store.
    fn status(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let engine = self.engine(py)?;
        python_types::store_status(py, &detached(py, || engine.status()))
    }

    /// Asks the store for its sync time now, and returns the status after that.
    fn refresh_status(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let status = wait(py, self.engine(py)?.refresh_status())?;
        python_types::store_status(py, &status.map_err(|e| raised(py, &e))?)
    }

    /// Calls back with the first status and with every change, on a thread of the engine's; returns a number for
    /// removing the listener.
    #[pyo3(signature = (callback, /))]
    fn add_status_listener(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<u64> {
        let engine = self.engine(py)?;
        let added = detached(py, || self.listeners.add(callback, |callback| listen(engine, callback)));
        added.map_err(|e| raised(py, &e))
    }

    /// Removes a listener, and returns whether it was there; when this returns it does not run and will not run again.
    /// Blocks while it runs, except from inside a listener of the same engine.
    #[pyo3(signature = (number, /))]
    fn remove_status_listener(&self, py: Python<'_>, number: u64) -> PyResult<bool> {
        let Some((callback, id)) = self.listeners.take(number) else { return Ok(false) };
        // Inherited listeners do not run in a forked child, whose engine has ids of its own.
        if let (Some(opened), Some(id)) = (self.opening.current(), id) {
            detached(py, || remove(&opened.engine, id));
        }
        drop(callback);
        Ok(true)
    }

    /// Forgets what is cached of a context; a query under way will not bring it back.
    #[pyo3(signature = (context_hash, /))]
    fn invalidate(&self, py: Python<'_>, context_hash: &Bound<'_, PyAny>) -> PyResult<()> {
        let hash = hash_of_text(context_hash)?;
        let engine = self.engine(py)?;
        detached(py, || engine.invalidate(hash)).map_err(|e| raised(py, &e))
    }

    /// Forgets everything that is cached.
    fn invalidate_all(&self, py: Python<'_>) -> PyResult<()> {
        let engine = self.engine(py)?;
        detached(py, || engine.invalidate_all());
        Ok(())
    }

    /// Returns what the engine has done so far.
    fn metrics(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let engine = self.engine(py)?;
        python_types::metrics(py, &detached(py, || engine.metrics()))
    }

    /// Stops everything and waits until nothing runs any more; closing twice is fine. See the core's `Engine::close`.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.opening.close();
        if let Some(opened) = self.opening.current() {
            wait(py, opened.engine.close())?;
        }
        crate::log::deliver(py);
        Ok(())
    }

    /// Whether `close` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.opening.is_closed()
    }

    #[pyo3(signature = (context_key, /))]
    fn _begin_membership<'py>(&self, context_key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.begin_answer(context_key.py(), hash_of_key(context_key)?)
    }

    #[pyo3(signature = (context_hash, /))]
    fn _begin_membership_by_hash<'py>(
        &self,
        context_hash: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.begin_answer(context_hash.py(), hash_of_text(context_hash)?)
    }

    #[pyo3(signature = (context_keys, /))]
    fn _begin_memberships<'py>(&self, context_keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.begin_answers(context_keys.py(), hashes(context_keys, hash_of_key)?)
    }

    #[pyo3(signature = (context_hashes, /))]
    fn _begin_memberships_by_hash<'py>(
        &self,
        context_hashes: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.begin_answers(context_hashes.py(), hashes(context_hashes, hash_of_text)?)
    }

    fn _begin_evaluate<'py>(
        &self,
        flag_key: &str,
        context: &Bound<'py, PyAny>,
        default: Py<PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.begin_evaluation(context.py(), FlagQuestion { flag_key, context, default })
    }

    fn _begin_segment_contains<'py>(
        &self,
        segment_key: &str,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.begin_segment_answer(context.py(), segment_key, context)
    }

    fn _begin_explain<'py>(
        &self,
        segment_key: &str,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.begin_explanation(context.py(), segment_key, context)
    }

    fn _begin_refresh_status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let engine = self.opened(py)?.engine.clone();
        begin(py, async move {
            let status = engine.refresh_status().await?;
            outcome(move |py| python_types::store_status(py, &status))
        })
    }

    fn _begin_close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.opening.close();
        let engine = self.opening.current().map(|opened| opened.engine.clone());
        begin(py, async move {
            if let Some(engine) = engine {
                engine.close().await;
            }
            outcome(|py| {
                crate::log::deliver(py);
                Ok(py.None())
            })
        })
    }

    /// Opens the engine in a forked child at once if somebody there waits for news; else the first call does.
    fn _after_fork_in_child(&self, py: Python<'_>) -> PyResult<()> {
        if !self.opening.is_closed() && !self.listeners.is_empty() {
            self.opened(py)?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(store) = self.opening.custom_store() {
            visit.call(store)?;
        }
        self.listeners.traverse(visit)
    }

    fn __clear__(&self) {
        self.listeners.clear();
    }
}

fn remove(engine: &bigseg_core::Engine, id: ListenerId) {
    engine.remove_status_listener(id);
}
