//! A core engine that belongs to one process, and that each forked child opens again.

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bigseg::__internal::runtime::ForkGeneration;
use bigseg::engine::Source;
use bigseg::status::ListenerId;
use bigseg::store::BlockingAdapter;
use bigseg::{EngineConfig, Error, ErrorKind};
use pyo3::prelude::*;

use crate::custom_store::CustomStore;
use crate::error::to_py_err;
use crate::gil::without_gil;
use crate::listeners::{Listeners, invoke};
use crate::python_types;

/// A core engine, and the process that opened it.
pub(crate) struct ProcessEngine {
    pub(crate) engine: Arc<bigseg::Engine>,
    generation: ForkGeneration,
}

/// The configuration that each process opens the engine with.
pub(crate) struct EngineSetup {
    pub(crate) config: EngineConfig,
    pub(crate) custom_store: Option<Arc<Py<PyAny>>>,
}

impl EngineSetup {
    fn open(&self, py: Python<'_>) -> PyResult<Box<ProcessEngine>> {
        let opened = without_gil(py, || {
            let mut config = self.config.clone();
            if let Some(store) = &self.custom_store {
                config.source = Source::Custom(Arc::new(BlockingAdapter::new(CustomStore::new(store))?));
            }
            let engine = Arc::new(bigseg::Engine::open(config)?);
            Ok(Box::new(ProcessEngine { engine, generation: ForkGeneration::current() }))
        });
        opened.map_err(|e: Error| to_py_err(py, &e))
    }
}

/// The engine of the current process, opened at most once in each process.
#[derive(Default)]
pub(crate) struct ForkAwareEngine {
    setup: OnceLock<EngineSetup>,
    /// Null until the engine is opened. A forked child never frees the engine of its parent, whose
    /// locks may be held by threads that do not exist in the child.
    current: AtomicPtr<ProcessEngine>,
    is_closed: AtomicBool,
}

impl ForkAwareEngine {
    /// Opens the engine, once.
    pub(crate) fn open(&self, py: Python<'_>, setup: EngineSetup) -> PyResult<()> {
        let opened = Box::into_raw(setup.open(py)?);
        if self.setup.set(setup).is_err() {
            // SAFETY: the pointer was not shared.
            let duplicate = unsafe { Box::from_raw(opened) };
            without_gil(py, || drop(duplicate));
            let error = Error::new(ErrorKind::AlreadyUsed, "the engine is already open");
            return Err(to_py_err(py, &error));
        }
        self.current.store(opened, Ordering::Release);
        Ok(())
    }

    /// Returns the engine of this process.
    ///
    /// In a forked child, the first call opens it with the parent's listeners, flags and segments.
    pub(crate) fn get(&self, py: Python<'_>, listeners: &Listeners) -> PyResult<&ProcessEngine> {
        match self.of_this_process() {
            Some(opened) => Ok(opened),
            None => self.reopen(py, listeners),
        }
    }

    /// Returns the engine of this process if it was opened, closed or not.
    pub(crate) fn of_this_process(&self) -> Option<&ProcessEngine> {
        self.of_any_process().filter(|opened| !opened.generation.is_stale())
    }

    /// Returns the engine of this process, or the one inherited from its parent.
    fn of_any_process(&self) -> Option<&ProcessEngine> {
        // SAFETY: only `drop` frees the pointee.
        unsafe { self.current.load(Ordering::Acquire).as_ref() }
    }

    #[cold]
    fn reopen(&self, py: Python<'_>, listeners: &Listeners) -> PyResult<&ProcessEngine> {
        let Some(setup) = self.setup.get() else {
            let message = "the engine is not open: a subclass must call Engine.__init__";
            return Err(to_py_err(py, &Error::new(ErrorKind::Closed, message)));
        };
        if self.is_closed() {
            return Err(to_py_err(py, &Error::new(ErrorKind::Closed, "the engine is closed")));
        }
        let inherited = self.current.load(Ordering::Acquire);
        let reopened = setup.open(py)?;
        if let Some(inherited) = self.of_any_process() {
            reopened.engine.take_over_data(&inherited.engine);
        }
        let reopened = Box::into_raw(reopened);
        match self.current.compare_exchange(inherited, reopened, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // SAFETY: only `drop` frees the pointee.
                let reopened = unsafe { &*reopened };
                let moved = without_gil(py, || {
                    listeners.resubscribe(|callback| add_listener(&reopened.engine, callback))
                });
                moved.map_err(|e| to_py_err(py, &e))?;
                Ok(reopened)
            }
            Err(_) => {
                // Another thread opened the engine first. SAFETY: this pointer was not shared.
                let duplicate = unsafe { Box::from_raw(reopened) };
                without_gil(py, || drop(duplicate));
                self.get(py, listeners)
            }
        }
    }

    /// Prevents every process from opening the engine again.
    pub(crate) fn mark_closed(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Returns the custom store, if there is one.
    pub(crate) fn custom_store(&self) -> Option<&Py<PyAny>> {
        self.setup.get()?.custom_store.as_deref()
    }
}

impl Drop for ForkAwareEngine {
    fn drop(&mut self) {
        let opened = *self.current.get_mut();
        if opened.is_null() {
            return;
        }
        // SAFETY: every borrower of the pointee also borrows `self`.
        let opened = unsafe { Box::from_raw(opened) };
        if opened.generation.is_stale() {
            std::mem::forget(opened);
            return;
        }
        // Dropping the last engine waits for its threads, which may wait for the GIL.
        Python::try_attach(|py| py.detach(|| drop(opened)));
    }
}

/// Subscribes a Python callback to the status of an engine.
pub(crate) fn add_listener(engine: &bigseg::Engine, callback: Weak<Py<PyAny>>) -> bigseg::Result<ListenerId> {
    engine.add_status_listener(move |status| {
        invoke(&callback, |py| python_types::store_status(py, status));
    })
}
