//! The engine, as a Python object.

use std::path::PathBuf;
use std::sync::Arc;

use bigseg::engine::Source;
use bigseg::status::ListenerId;
use bigseg::sync::SyncObserver;
use bigseg::{ContextHash, Error};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::answer::Answer;
use crate::argument::{hash_of_key, hashes, parse_hash, wrong_type};
use crate::context::json_text;
use crate::error::to_py_err;
use crate::evaluation::{self, Evaluation, FlagQuery, SegmentAnswer};
use crate::fork_aware_engine::{EngineSetup, ForkAwareEngine, ProcessEngine, add_listener};
use crate::gil::without_gil;
use crate::interruptible_wait::wait;
use crate::listeners::Listeners;
use crate::options::engine_config;
use crate::python_types;
use crate::store_config::StoreConfig;

/// The native half of `bigseg.Engine`, which is a subclass, and of `bigseg.aio.Engine`, which owns
/// one.
#[pyclass(frozen, subclass, weakref, module = "bigseg._native")]
pub(crate) struct Engine {
    engine: ForkAwareEngine,
    listeners: Listeners,
}

impl Engine {
    /// Returns the engine of this process; in a forked child the first call opens it.
    pub(crate) fn process_engine(&self, py: Python<'_>) -> PyResult<&ProcessEngine> {
        self.engine.get(py, &self.listeners)
    }

    pub(crate) fn engine(&self, py: Python<'_>) -> PyResult<&bigseg::Engine> {
        Ok(&self.process_engine(py)?.engine)
    }

    /// Returns the observer that an integration of this process notifies of changes.
    pub(crate) fn sync_observer(&self, py: Python<'_>) -> PyResult<Arc<dyn SyncObserver>> {
        Ok(self.engine(py)?.sync_observer())
    }

    /// Marks the engine as closed in every process, and returns the engine of this one, if any.
    pub(crate) fn mark_closed(&self) -> Option<Arc<bigseg::Engine>> {
        self.engine.mark_closed();
        self.engine.of_this_process().map(|opened| opened.engine.clone())
    }

    /// Answers from the cache with the GIL, else from the store without it.
    ///
    /// Releasing and acquiring the GIL costs as much as the cache hit.
    fn lookup(&self, py: Python<'_>, hash: ContextHash) -> PyResult<Answer> {
        let engine = self.engine(py)?;
        if let Some(answer) = engine.membership(hash).cached().map_err(|e| to_py_err(py, &e))? {
            return Ok(Answer(answer));
        }
        let answer = wait(py, engine.membership(hash))?;
        Ok(Answer(answer.map_err(|e| to_py_err(py, &e))?))
    }

    fn lookups(&self, py: Python<'_>, hashes: &[ContextHash]) -> PyResult<Vec<Answer>> {
        let answers = wait(py, self.engine(py)?.memberships(hashes))?;
        Ok(answers.map_err(|e| to_py_err(py, &e))?.into_iter().map(Answer).collect())
    }

    fn cached_answer(&self, py: Python<'_>, hash: ContextHash) -> PyResult<Option<Answer>> {
        let answer = self.engine(py)?.membership(hash).cached().map_err(|e| to_py_err(py, &e))?;
        Ok(answer.map(Answer))
    }

    fn forget(&self, py: Python<'_>, hash: ContextHash) -> PyResult<()> {
        let engine = self.engine(py)?;
        without_gil(py, || engine.invalidate(hash)).map_err(|e| to_py_err(py, &e))
    }

    fn change_data<T: Send>(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&bigseg::Engine) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let engine = self.engine(py)?;
        without_gil(py, || change(engine)).map_err(|e| to_py_err(py, &e))
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*_arguments, **_options))]
    fn new(_arguments: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self { engine: ForkAwareEngine::default(), listeners: Listeners::default() }
    }

    /// Opens the engine, once, on a configured store, on a custom store, or on no store.
    fn _open(
        &self,
        py: Python<'_>,
        store: Option<&Bound<'_, StoreConfig>>,
        custom_store: Option<Py<PyAny>>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let mut config = engine_config(options)?;
        if let Some(store) = store {
            config.source = Source::Store(store.get().0.clone());
        }
        self.engine.open(py, EngineSetup { config, custom_store: custom_store.map(Arc::new) })
    }

    /// Looks up the membership of the context with this key.
    #[pyo3(signature = (context_key, /))]
    fn membership(&self, py: Python<'_>, context_key: &Bound<'_, PyAny>) -> PyResult<Answer> {
        self.lookup(py, hash_of_key(context_key)?)
    }

    /// Looks up the membership of the context with this hash.
    #[pyo3(signature = (context_hash, /))]
    fn membership_by_hash(&self, py: Python<'_>, context_hash: &Bound<'_, PyAny>) -> PyResult<Answer> {
        self.lookup(py, parse_hash(context_hash)?)
    }

    /// Looks up several contexts together; the answers have the order of the keys.
    #[pyo3(signature = (context_keys, /))]
    fn memberships(&self, py: Python<'_>, context_keys: &Bound<'_, PyAny>) -> PyResult<Vec<Answer>> {
        self.lookups(py, &hashes(context_keys, hash_of_key)?)
    }

    /// Looks up several context hashes together; the answers have the order of the hashes.
    #[pyo3(signature = (context_hashes, /))]
    fn memberships_by_hash(
        &self,
        py: Python<'_>,
        context_hashes: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<Answer>> {
        self.lookups(py, &hashes(context_hashes, parse_hash)?)
    }

    /// Returns the cached answer for a context key, or `None`; never waits.
    #[pyo3(signature = (context_key, /))]
    fn cached(&self, py: Python<'_>, context_key: &Bound<'_, PyAny>) -> PyResult<Option<Answer>> {
        self.cached_answer(py, hash_of_key(context_key)?)
    }

    /// Returns the cached answer for a context hash, or `None`; never waits.
    #[pyo3(signature = (context_hash, /))]
    fn cached_by_hash(&self, py: Python<'_>, context_hash: &Bound<'_, PyAny>) -> PyResult<Option<Answer>> {
        self.cached_answer(py, parse_hash(context_hash)?)
    }

    /// Replaces the flags and segments by those of a JSON text.
    #[pyo3(signature = (json, /))]
    fn set_data(&self, py: Python<'_>, json: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(text) = json_text(json, "the data")? else {
            return Err(wrong_type("the data are JSON, as a str or bytes", json));
        };
        self.change_data(py, |engine| engine.set_data(text))
    }

    /// Replaces the flags and segments by those of a file, and remembers its path for
    /// `reload_data`.
    #[pyo3(signature = (path, /))]
    fn load_data(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.change_data(py, |engine| engine.load_data(path))
    }

    /// Reads the file of `load_data` again if it has changed; returns whether it had.
    fn reload_data(&self, py: Python<'_>) -> PyResult<bool> {
        self.change_data(py, bigseg::Engine::reload_data)
    }

    /// Evaluates a flag for a context, and returns the value with its reason.
    #[pyo3(signature = (flag_key, context, /, default = None))]
    fn evaluate(
        &self,
        py: Python<'_>,
        flag_key: &str,
        context: &Bound<'_, PyAny>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Evaluation> {
        let default = default.unwrap_or_else(|| py.None());
        evaluation::evaluate(py, self.engine(py)?, FlagQuery { flag_key, context, default })
    }

    /// Evaluates a flag without waiting; returns `None` if the store would have to be queried.
    #[pyo3(signature = (flag_key, context, /, default = None))]
    fn evaluate_now(
        &self,
        py: Python<'_>,
        flag_key: &str,
        context: &Bound<'_, PyAny>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Option<Evaluation>> {
        let default = default.unwrap_or_else(|| py.None());
        evaluation::evaluate_now(py, self.engine(py)?, FlagQuery { flag_key, context, default })
    }

    /// Returns whether a context is in a segment, and why.
    #[pyo3(signature = (segment_key, context, /))]
    fn segment_contains(
        &self,
        py: Python<'_>,
        segment_key: &str,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<SegmentAnswer> {
        evaluation::segment_contains(py, self.engine(py)?, segment_key, context)
    }

    /// Returns whether a context is in a segment without waiting; `None` if the store would have to
    /// be queried.
    #[pyo3(signature = (segment_key, context, /))]
    fn segment_contains_now(
        &self,
        py: Python<'_>,
        segment_key: &str,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<Option<SegmentAnswer>> {
        evaluation::segment_contains_now(py, self.engine(py)?, segment_key, context)
    }

    /// Returns whether a context is in a segment, with every fact that led to the answer.
    #[pyo3(signature = (segment_key, context, /))]
    fn explain(&self, py: Python<'_>, segment_key: &str, context: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        evaluation::explain(py, self.engine(py)?, segment_key, context)
    }

    /// Returns the last known status of the store; does not query the store.
    fn status(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let engine = self.engine(py)?;
        python_types::store_status(py, &without_gil(py, || engine.status()))
    }

    /// Reads the store's sync time now, and returns the status after that.
    fn refresh_status(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let status = wait(py, self.engine(py)?.refresh_status())?;
        python_types::store_status(py, &status.map_err(|e| to_py_err(py, &e))?)
    }

    /// Calls back with the first status and with every change, on a thread of the engine.
    ///
    /// Returns an id for removing the listener.
    #[pyo3(signature = (callback, /))]
    fn add_status_listener(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<u64> {
        let engine = self.engine(py)?;
        let added =
            without_gil(py, || self.listeners.add(callback, |callback| add_listener(engine, callback)));
        added.map_err(|e| to_py_err(py, &e))
    }

    /// Removes a listener, and returns whether it existed; it is not called after this returns.
    ///
    /// Blocks while the listener runs, except from inside a listener of the same engine.
    #[pyo3(signature = (listener_id, /))]
    fn remove_status_listener(&self, py: Python<'_>, listener_id: u64) -> PyResult<bool> {
        let Some((callback, core_id)) = self.listeners.remove(listener_id) else { return Ok(false) };
        // An inherited listener does not run in a forked child, whose engine has other ids.
        if let (Some(opened), Some(core_id)) = (self.engine.of_this_process(), core_id) {
            without_gil(py, || remove_listener(&opened.engine, core_id));
        }
        drop(callback);
        Ok(true)
    }

    /// Removes a context from the cache by its key; a query in progress does not store it again.
    #[pyo3(signature = (context_key, /))]
    fn invalidate(&self, py: Python<'_>, context_key: &Bound<'_, PyAny>) -> PyResult<()> {
        self.forget(py, hash_of_key(context_key)?)
    }

    /// Removes a context from the cache by its hash; a query in progress does not store it again.
    #[pyo3(signature = (context_hash, /))]
    fn invalidate_by_hash(&self, py: Python<'_>, context_hash: &Bound<'_, PyAny>) -> PyResult<()> {
        self.forget(py, parse_hash(context_hash)?)
    }

    /// Empties the cache.
    fn invalidate_all(&self, py: Python<'_>) -> PyResult<()> {
        let engine = self.engine(py)?;
        without_gil(py, || engine.invalidate_all());
        Ok(())
    }

    /// Returns the engine's counters.
    fn metrics(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let engine = self.engine(py)?;
        python_types::metrics(py, &without_gil(py, || engine.metrics()))
    }

    /// Closes the engine, and waits until no listener and no call into a custom store runs.
    ///
    /// A second call has no effect.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(engine) = self.mark_closed() {
            wait(py, engine.close())?;
        }
        crate::log::deliver(py);
        Ok(())
    }

    /// Whether `close` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.engine.is_closed()
    }

    /// Opens the engine of a forked child at once if it has listeners; otherwise the first call
    /// does.
    fn _after_fork_in_child(&self, py: Python<'_>) -> PyResult<()> {
        if !self.engine.is_closed() && !self.listeners.is_empty() {
            self.process_engine(py)?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(store) = self.engine.custom_store() {
            visit.call(store)?;
        }
        self.listeners.traverse(visit)
    }

    fn __clear__(&self) {
        self.listeners.clear();
    }
}

fn remove_listener(engine: &bigseg::Engine, id: ListenerId) {
    engine.remove_status_listener(id);
}
