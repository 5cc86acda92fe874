//! An engine of the core's: opened by one process, and opened anew in each process that is forked from it.

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bigseg_core::engine::Source;
use bigseg_core::runtime::ForkGeneration;
use bigseg_core::status::ListenerId;
use bigseg_core::store::Offload;
use bigseg_core::{EngineConfig, Error, ErrorKind};
use pyo3::prelude::*;

use crate::custom_store::CustomStore;
use crate::error::raised;
use crate::gil::detached;
use crate::listeners::{Listeners, hear};
use crate::python_types;

/// An engine of the core's, and the process that opened it.
pub(crate) struct Opened {
    pub(crate) engine: Arc<bigseg_core::Engine>,
    stamp: ForkGeneration,
}

/// What an engine is opened with, again in each process.
pub(crate) struct Plan {
    pub(crate) config: EngineConfig,
    pub(crate) custom: Option<Arc<Py<PyAny>>>,
}

impl Plan {
    fn open(&self, py: Python<'_>) -> PyResult<Box<Opened>> {
        let opened = detached(py, || {
            let mut config = self.config.clone();
            if let Some(store) = &self.custom {
                config.source = Source::Custom(Arc::new(Offload::new(CustomStore::new(store))?));
            }
            let engine = Arc::new(bigseg_core::Engine::open(config)?);
            Ok(Box::new(Opened { engine, stamp: ForkGeneration::current() }))
        });
        opened.map_err(|e: Error| raised(py, &e))
    }
}

/// The engine that this process has, if it has opened one.
#[derive(Default)]
pub(crate) struct Opening {
    plan: OnceLock<Plan>,
    /// Null until it is opened. What was opened in the process that forked this one is never freed here: its locks may
    /// be held by threads that do not exist in this process.
    opened: AtomicPtr<Opened>,
    is_closed: AtomicBool,
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the engine is closed")
}

impl Opening {
    /// Opens the engine, once.
    pub(crate) fn open(&self, py: Python<'_>, plan: Plan) -> PyResult<()> {
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

    /// Returns the engine of this process, opening it in a forked child, where it gets the listeners and the data that it
    /// had.
    pub(crate) fn get(&self, py: Python<'_>, listeners: &Listeners) -> PyResult<&Opened> {
        match self.current() {
            Some(opened) => Ok(opened),
            None => self.reopen(py, listeners),
        }
    }

    /// Returns the engine of this process, if there is one, closed or not.
    pub(crate) fn current(&self) -> Option<&Opened> {
        self.known().filter(|opened| !opened.stamp.is_stale())
    }

    fn known(&self) -> Option<&Opened> {
        // SAFETY: what it points to is freed by nobody but `drop`.
        unsafe { self.opened.load(Ordering::Acquire).as_ref() }
    }

    #[cold]
    fn reopen(&self, py: Python<'_>, listeners: &Listeners) -> PyResult<&Opened> {
        let Some(plan) = self.plan.get() else {
            let message = "the engine was not opened: a subclass must call Engine.__init__";
            return Err(raised(py, &Error::new(ErrorKind::Closed, message)));
        };
        if self.is_closed() {
            return Err(raised(py, &closed()));
        }
        let inherited = self.opened.load(Ordering::Acquire);
        let fresh = plan.open(py)?;
        if let Some(inherited) = self.known() {
            fresh.engine.take_over_data(&inherited.engine);
        }
        let fresh = Box::into_raw(fresh);
        match self.opened.compare_exchange(inherited, fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // SAFETY: as in `known`.
                let fresh = unsafe { &*fresh };
                let moved = detached(py, || listeners.move_to(|callback| listen(&fresh.engine, callback)));
                moved.map_err(|e| raised(py, &e))?;
                Ok(fresh)
            }
            Err(_) => {
                // Another thread was faster. SAFETY: nobody else has seen this one.
                let late = unsafe { Box::from_raw(fresh) };
                detached(py, || drop(late));
                self.get(py, listeners)
            }
        }
    }

    /// Has no process open it any more.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Returns the store of the program's own, if there is one.
    pub(crate) fn custom_store(&self) -> Option<&Py<PyAny>> {
        self.plan.get()?.custom.as_deref()
    }
}

impl Drop for Opening {
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

/// Lets a listener of Python's hear of the status of an engine.
pub(crate) fn listen(
    engine: &bigseg_core::Engine,
    callback: Weak<Py<PyAny>>,
) -> bigseg_core::Result<ListenerId> {
    engine.add_status_listener(move |status| hear(&callback, |py| python_types::store_status(py, status)))
}
