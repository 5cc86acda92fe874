//! The engine, as an object of Python's.

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bigseg_core::engine::Source;
use bigseg_core::runtime::ProcessStamp;
use bigseg_core::status::ListenerId;
use bigseg_core::store::Offload;
use bigseg_core::sync::SyncObserver;
use bigseg_core::{ContextHash, EngineConfig, Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::answer::Answer;
use crate::argument::{hash_of_key, hash_of_text, hashes};
use crate::custom_store::CustomStore;
use crate::error::raised;
use crate::interpreter::detached;
use crate::listeners::{Listeners, hear};
use crate::loop_queue::{Outcome, begin};
use crate::options::engine_config;
use crate::store_config::StoreConfig;
use crate::vocabulary;
use crate::wait::wait;

/// An engine of the core's, and the process that opened it.
struct Opened {
    engine: Arc<bigseg_core::Engine>,
    stamp: ProcessStamp,
}

/// What an engine is opened with, again in each process.
struct Plan {
    config: EngineConfig,
    custom: Option<Arc<Py<PyAny>>>,
}

impl Plan {
    fn open(&self, py: Python<'_>) -> PyResult<Box<Opened>> {
        let opened = detached(py, || {
            let mut config = self.config.clone();
            if let Some(store) = &self.custom {
                config.source = Source::Custom(Arc::new(Offload::new(CustomStore::new(store))?));
            }
            let engine = Arc::new(bigseg_core::Engine::open(config)?);
            Ok(Box::new(Opened { engine, stamp: ProcessStamp::current() }))
        });
        opened.map_err(|e: Error| raised(py, &e))
    }
}

/// The native half of `bigseg.Engine`, which is a subclass, and of `bigseg.aio.Engine`, which owns one.
#[pyclass(frozen, subclass, weakref, module = "bigseg._native")]
pub(crate) struct Engine {
    plan: OnceLock<Plan>,
    /// Null until it is opened. What was opened in the process that forked this one is never freed here: its locks may
    /// be held by threads that do not exist in this process.
    opened: AtomicPtr<Opened>,
    listeners: Listeners,
    is_closed: AtomicBool,
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the engine is closed")
}

impl Engine {
    /// Returns the engine of this process, opening it in a forked child.
    fn opened(&self, py: Python<'_>) -> PyResult<&Opened> {
        // SAFETY: what it points to is freed by nobody but `drop`.
        match unsafe { self.opened.load(Ordering::Acquire).as_ref() } {
            Some(opened) if !opened.stamp.is_stale() => Ok(opened),
            _ => self.reopen(py),
        }
    }

    /// Returns what an integration of this process is to tell of its changes.
    pub(crate) fn sync_observer(&self, py: Python<'_>) -> PyResult<Arc<dyn SyncObserver>> {
        Ok(self.engine(py)?.sync_observer())
    }

    fn engine(&self, py: Python<'_>) -> PyResult<&bigseg_core::Engine> {
        Ok(&self.opened(py)?.engine)
    }

    #[cold]
    fn reopen(&self, py: Python<'_>) -> PyResult<&Opened> {
        let Some(plan) = self.plan.get() else {
            let message = "the engine was not opened: a subclass must call Engine.__init__";
            return Err(raised(py, &Error::new(ErrorKind::Closed, message)));
        };
        if self.is_closed.load(Ordering::Acquire) {
            return Err(raised(py, &closed()));
        }
        let inherited = self.opened.load(Ordering::Acquire);
        let opened = Box::into_raw(plan.open(py)?);
        match self.opened.compare_exchange(inherited, opened, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // SAFETY: as in `opened`.
                let opened = unsafe { &*opened };
                let moved =
                    detached(py, || self.listeners.move_to(|callback| listen(&opened.engine, callback)));
                moved.map_err(|e| raised(py, &e))?;
                Ok(opened)
            }
            Err(_) => {
                // Another thread was faster. SAFETY: nobody else has seen this one.
                let late = unsafe { Box::from_raw(opened) };
                detached(py, || drop(late));
                self.opened(py)
            }
        }
    }

    fn answer(&self, py: Python<'_>, hash: ContextHash) -> PyResult<Answer> {
        let engine = self.engine(py)?;
        if let Some(answer) = engine.cached_by_hash(hash).map_err(|e| raised(py, &e))? {
            return Ok(Answer(answer));
        }
        let answer = wait(py, engine.membership_by_hash(hash))?;
        Ok(Answer(answer.map_err(|e| raised(py, &e))?))
    }

    fn cached_answer(&self, py: Python<'_>, hash: ContextHash) -> PyResult<Option<Answer>> {
        let answer = self.engine(py)?.cached_by_hash(hash).map_err(|e| raised(py, &e))?;
        Ok(answer.map(Answer))
    }

    fn answers(&self, py: Python<'_>, hashes: &[ContextHash]) -> PyResult<Vec<Answer>> {
        let answers = wait(py, self.engine(py)?.memberships_by_hash(hashes))?;
        Ok(answers.map_err(|e| raised(py, &e))?.into_iter().map(Answer).collect())
    }

    fn begin_answer<'py>(&self, py: Python<'py>, hash: ContextHash) -> PyResult<Bound<'py, PyAny>> {
        let engine = self.opened(py)?.engine.clone();
        begin(py, async move {
            let answer = engine.membership_by_hash(hash).await?;
            outcome(move |py| Ok(Py::new(py, Answer(answer))?.into_any()))
        })
    }

    fn begin_answers<'py>(&self, py: Python<'py>, hashes: Vec<ContextHash>) -> PyResult<Bound<'py, PyAny>> {
        let engine = self.opened(py)?.engine.clone();
        begin(py, async move {
            let answers = engine.memberships_by_hash(&hashes).await?;
            outcome(move |py| {
                let answers = answers.into_iter().map(|answer| Py::new(py, Answer(answer)));
                Ok(PyList::new(py, answers.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
            })
        })
    }
}

fn outcome(object: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send + 'static) -> Outcome {
    Ok(Box::new(object))
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*_arguments, **_options))]
    fn new(_arguments: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            plan: OnceLock::new(),
            opened: AtomicPtr::default(),
            listeners: Listeners::default(),
            is_closed: AtomicBool::new(false),
        }
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
        let plan = Plan { config, custom: custom.map(Arc::new) };
        let opened = Box::into_raw(plan.open(py)?);
        if self.plan.set(plan).is_err() {
            // SAFETY: nobody else has seen it.
            let second = unsafe { Box::from_raw(opened) };
            detached(py, || drop(second));
            return Err(raised(py, &Error::new(ErrorKind::AlreadyUsed, "the engine was opened before")));
        }
        self.opened.store(opened, Ordering::Release);
        Ok(())
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

    /// Returns the store's status as far as it is known now; does not ask the store.
    fn status(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let engine = self.engine(py)?;
        vocabulary::store_status(py, &detached(py, || engine.status()))
    }

    /// Asks the store for its sync time now, and returns the status after that.
    fn refresh_status(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let status = wait(py, self.engine(py)?.refresh_status())?;
        vocabulary::store_status(py, &status.map_err(|e| raised(py, &e))?)
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
        // SAFETY: as in `opened`.
        let opened = unsafe { self.opened.load(Ordering::Acquire).as_ref() };
        if let (Some(opened), Some(id)) = (opened.filter(|opened| !opened.stamp.is_stale()), id) {
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
        detached(py, || engine.invalidate(&hash));
        Ok(())
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
        vocabulary::metrics(py, &detached(py, || engine.metrics()))
    }

    /// Stops everything and waits until nothing runs any more; closing twice is fine. See the core's `Engine::close`.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.is_closed.store(true, Ordering::Release);
        // SAFETY: as in `opened`.
        match unsafe { self.opened.load(Ordering::Acquire).as_ref() } {
            Some(opened) if !opened.stamp.is_stale() => wait(py, opened.engine.close())?,
            _ => {}
        }
        crate::log::deliver(py);
        Ok(())
    }

    /// Whether `close` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
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

    fn _begin_refresh_status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let engine = self.opened(py)?.engine.clone();
        begin(py, async move {
            let status = engine.refresh_status().await?;
            outcome(move |py| vocabulary::store_status(py, &status))
        })
    }

    fn _begin_close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.is_closed.store(true, Ordering::Release);
        // SAFETY: as in `opened`.
        let opened = unsafe { self.opened.load(Ordering::Acquire).as_ref() };
        let engine = opened.filter(|opened| !opened.stamp.is_stale()).map(|opened| opened.engine.clone());
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
        if !self.is_closed.load(Ordering::Acquire) && !self.listeners.is_empty() {
            self.opened(py)?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(store) = self.plan.get().and_then(|plan| plan.custom.as_deref()) {
            visit.call(store)?;
        }
        self.listeners.traverse(visit)
    }

    fn __clear__(&self) {
        self.listeners.clear();
    }
}

fn listen(engine: &bigseg_core::Engine, callback: Weak<Py<PyAny>>) -> bigseg_core::Result<ListenerId> {
    engine.add_status_listener(move |status| hear(&callback, |py| vocabulary::store_status(py, status)))
}

fn remove(engine: &bigseg_core::Engine, id: ListenerId) {
    engine.remove_status_listener(id);
}

impl Drop for Engine {
    fn drop(&mut self) {
        let opened = *self.opened.get_mut();
        if opened.is_null() {
            return;
        }
        // SAFETY: whoever looks at it holds on to this object.
        let opened = unsafe { Box::from_raw(opened) };
        if opened.stamp.is_stale() {
            std::mem::forget(opened);
            return;
        }
        // The last engine to go waits a moment for its threads, which may be waiting for the GIL.
        Python::try_attach(|py| py.detach(|| drop(opened)));
    }
}
