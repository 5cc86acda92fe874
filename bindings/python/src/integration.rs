//! An integration, as an object of Python's.

use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use bigseg_core::integration::{IntegrationConfig, IntegrationDefinition};
use bigseg_core::runtime::ForkGeneration;
use bigseg_core::status::ListenerId;
use bigseg_core::sync::{SdkKey, SyncObserver};
use bigseg_core::{Clock, ContextHash, Error, SegmentRef};
use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::{PyTraverseError, PyVisit};

use crate::asyncio_bridge::begin;
use crate::clock::ManualClock;
use crate::engine::Engine;
use crate::error::raised;
use crate::gil::{detached, enter};
use crate::interruptible_wait::wait;
use crate::listeners::{Listeners, hear};
use crate::python_types;
use crate::store_config::StoreConfig;
use crate::upstream::Upstream;

/// What it is, without the upstream and the store: its id, name, project and environment, and whether it is on.
type Labels = (String, Option<String>, String, String, bool);

/// The native half of `bigseg.Integration`, which is a subclass, and of `bigseg.aio.Integration`, which owns one.
#[pyclass(frozen, subclass, weakref, module = "bigseg._native")]
pub(crate) struct Integration {
    /// After `fork` it is not even looked at in the child, whose threads do not exist.
    integration: ManuallyDrop<Arc<bigseg_core::integration::Integration>>,
    stamp: ForkGeneration,
    listeners: Listeners,
    change_listener: Option<Arc<Py<PyAny>>>,
    is_closed: AtomicBool,
}

/// Tells a function of Python's what is written. It is held weakly, so that the garbage collector sees every reference to it.
struct ChangeListener(Weak<Py<PyAny>>);

impl SyncObserver for ChangeListener {
    fn contexts_changed(&self, segment: &SegmentRef, contexts: &[ContextHash]) {
        enter(|py| {
            let Some(callback) = self.0.upgrade() else { return };
            let hashes = PyList::new(py, contexts.iter().map(ToString::to_string));
            let called = hashes.and_then(|hashes| callback.call1(py, (segment.as_str(), hashes)));
            if let Err(exception) = called {
                crate::log::exception(
                    py,
                    "a change listener raised an exception; it stays subscribed",
                    &exception,
                );
            }
        });
    }
}

impl Integration {
    fn get(&self, py: Python<'_>) -> PyResult<&Arc<bigseg_core::integration::Integration>> {
        self.stamp.check().map_err(|e| raised(py, &e))?;
        Ok(&self.integration)
    }

    fn change(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&bigseg_core::integration::Integration) -> bigseg_core::Result<()> + Send,
    ) -> PyResult<()> {
        let integration = self.get(py)?;
        detached(py, || change(integration)).map_err(|e: Error| raised(py, &e))
    }
}

#[pymethods]
impl Integration {
    #[new]
    #[pyo3(signature = (labels, upstream, store, engines, change_listener, state_directory, clock))]
    fn new(
        py: Python<'_>,
        labels: Labels,
        upstream: &Bound<'_, Upstream>,
        store: &Bound<'_, StoreConfig>,
        engines: Vec<PyRef<'_, Engine>>,
        change_listener: Option<Py<PyAny>>,
        state_directory: Option<PathBuf>,
        clock: Option<&Bound<'_, ManualClock>>,
    ) -> PyResult<Self> {
        let (id, name, project, environment, on) = labels;
        let mut definition = IntegrationDefinition::new(id, upstream.get().0.clone(), store.get().0.clone());
        definition.name = name.unwrap_or(definition.name);
        (definition.project, definition.environment, definition.on) = (project, environment, on);
        let mut config = IntegrationConfig { state_directory, ..IntegrationConfig::new(definition) };
        for engine in engines {
            config.observers.push(engine.sync_observer(py)?);
        }
        let change_listener = change_listener.map(Arc::new);
        if let Some(listener) = &change_listener {
            config.observers.push(Arc::new(ChangeListener(Arc::downgrade(listener))));
        }
        if let Some(clock) = clock {
            config.clock = Clock::Manual(clock.get().0.clone());
        }
        let started = detached(py, || bigseg_core::integration::Integration::start(config));
        Ok(Self {
            integration: ManuallyDrop::new(Arc::new(started.map_err(|e| raised(py, &e))?)),
            stamp: ForkGeneration::current(),
            listeners: Listeners::default(),
            change_listener,
            is_closed: AtomicBool::new(false),
        })
    }

    /// Returns the status of this moment; never waits.
    fn status(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let integration = self.get(py)?;
        python_types::integration_status(py, &detached(py, || integration.status()))
    }

    /// Returns the last errors, newest first; never waits.
    fn error_log(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let integration = self.get(py)?;
        let errors = detached(py, || integration.error_log());
        errors.iter().map(|error| python_types::sync_failure(py, error)).collect()
    }

    /// Calls back with the present status and with every change; returns a number for removing the listener.
    #[pyo3(signature = (callback, /))]
    fn add_status_listener(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<u64> {
        let integration = self.get(py)?;
        let added = detached(py, || {
            self.listeners.add(callback, |callback| {
                Ok(integration.add_status_listener(move |status| {
                    hear(&callback, |py| python_types::integration_status(py, status));
                }))
            })
        });
        added.map_err(|e| raised(py, &e))
    }

    /// Removes a listener, and returns whether it was there; when this returns it does not run and will not run again.
    #[pyo3(signature = (number, /))]
    fn remove_status_listener(&self, py: Python<'_>, number: u64) -> PyResult<bool> {
        let Some((callback, id)) = self.listeners.take(number) else { return Ok(false) };
        if let (false, Some(id)) = (self.stamp.is_stale(), id) {
            let integration: &bigseg_core::integration::Integration = &self.integration;
            detached(py, || remove(integration, id));
        }
        drop(callback);
        Ok(true)
    }

    /// Replaces the SDK key from now on, without a restart.
    #[pyo3(signature = (sdk_key, /))]
    fn set_sdk_key(&self, py: Python<'_>, sdk_key: &str) -> PyResult<()> {
        let sdk_key = SdkKey::new(sdk_key).map_err(|e| raised(py, &e))?;
        self.change(py, |integration| integration.set_sdk_key(sdk_key))
    }

    /// Turns it on or off; does not wait.
    #[pyo3(signature = (on, /))]
    fn set_on(&self, py: Python<'_>, on: bool) -> PyResult<()> {
        self.change(py, |integration| integration.set_on(on))
    }

    /// Changes what people call it.
    #[pyo3(signature = (name, /))]
    fn set_name(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.change(py, |integration| integration.set_name(name))
    }

    #[pyo3(signature = (store, /))]
    fn _set_store(&self, py: Python<'_>, store: &Bound<'_, StoreConfig>) -> PyResult<()> {
        let store = store.get().0.clone();
        self.change(py, |integration| integration.set_store(store))
    }

    /// Stops it and waits until it no longer touches the store; closing twice is fine.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.is_closed.store(true, Ordering::Release);
        if !self.stamp.is_stale() {
            wait(py, self.integration.close())?;
        }
        crate::log::deliver(py);
        Ok(())
    }

    /// Whether `close` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    fn _begin_close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.is_closed.store(true, Ordering::Release);
        let integration = (!self.stamp.is_stale()).then(|| Arc::clone(&self.integration));
        begin(py, async move {
            if let Some(integration) = integration {
                integration.close().await;
            }
            Ok(Box::new(|py: Python<'_>| {
                crate::log::deliver(py);
                Ok(py.None())
            }) as Box<_>)
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(listener) = self.change_listener.as_deref() {
            visit.call(listener)?;
        }
        self.listeners.traverse(visit)
    }

    fn __clear__(&self) {
        self.listeners.clear();
    }
}

fn remove(integration: &bigseg_core::integration::Integration, id: ListenerId) {
    integration.remove_status_listener(id);
}

impl Drop for Integration {
    fn drop(&mut self) {
        if self.stamp.is_stale() {
            return;
        }
        // SAFETY: this is the end of the only owner.
        let integration = unsafe { ManuallyDrop::take(&mut self.integration) };
        // Its threads may be waiting for the GIL.
        Python::try_attach(|py| py.detach(|| drop(integration)));
    }
}
