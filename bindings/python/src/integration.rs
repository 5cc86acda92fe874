//! Integrations and their upstream, as Python objects.

use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use bigseg::__internal::runtime::ForkGeneration;
use bigseg::integration::{IntegrationConfig, IntegrationDefinition};
use bigseg::status::ListenerId;
use bigseg::sync::{SdkKey, SyncObserver, UpstreamProxy};
use bigseg::{Clock, ContextHash, Error, SegmentRef};
use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::{PyTraverseError, PyVisit};

use crate::clock::ManualClock;
use crate::engine::Engine;
use crate::error::to_py_err;
use crate::gil::{with_gil, without_gil};
use crate::interruptible_wait::wait;
use crate::listeners::{Listeners, invoke};
use crate::python_types;
use crate::store_config::StoreConfig;

/// The service that an integration replicates. Its `repr` does not contain the SDK key.
#[pyclass(frozen, module = "bigseg")]
pub(crate) struct Upstream(pub(crate) bigseg::sync::Upstream);

#[pymethods]
impl Upstream {
    #[new]
    #[pyo3(signature = (sdk_key, /, *, base_url = None, stream_url = None, proxy = "environment", ca_file = None))]
    fn new(
        py: Python<'_>,
        sdk_key: &str,
        base_url: Option<String>,
        stream_url: Option<String>,
        proxy: &str,
        ca_file: Option<PathBuf>,
    ) -> PyResult<Self> {
        let sdk_key = SdkKey::new(sdk_key).map_err(|e| to_py_err(py, &e))?;
        let mut upstream = bigseg::sync::Upstream::new(sdk_key);
        upstream.base_url = base_url.unwrap_or(upstream.base_url);
        upstream.stream_url = stream_url.unwrap_or(upstream.stream_url);
        upstream.proxy = UpstreamProxy::parse(proxy);
        upstream.ca_file = ca_file;
        upstream.validate().map_err(|e| to_py_err(py, &e))?;
        Ok(Self(upstream))
    }

    fn __repr__(&self) -> String {
        format!("<Upstream {}>", self.0.base_url)
    }
}

/// The id, name, project and environment of an integration, and whether it is on.
type Labels = (String, Option<String>, String, String, bool);

/// The native half of `bigseg.Integration`, which is a subclass, and of `bigseg.aio.Integration`,
/// which owns one.
#[pyclass(frozen, subclass, weakref, module = "bigseg._native")]
pub(crate) struct Integration {
    /// A forked child does not access it, because its threads exist in the parent only.
    integration: ManuallyDrop<Arc<bigseg::integration::Integration>>,
    generation: ForkGeneration,
    listeners: Listeners,
    change_listener: Option<Arc<Py<PyAny>>>,
    is_closed: AtomicBool,
}

/// Calls a Python function for each change.
///
/// The reference is weak, so the garbage collector finds every strong reference.
struct ChangeListener(Weak<Py<PyAny>>);

impl SyncObserver for ChangeListener {
    fn contexts_changed(&self, segment: &SegmentRef, contexts: &[ContextHash]) {
        with_gil(|py| {
            let Some(callback) = self.0.upgrade() else { return };
            let hashes = PyList::new(py, contexts.iter().map(ToString::to_string));
            let called = hashes.and_then(|hashes| callback.call1(py, (segment.as_str(), hashes)));
            if let Err(exception) = called {
                let message = "a change listener raised an exception; it stays subscribed";
                crate::log::exception(py, message, &exception);
            }
        });
    }
}

impl Integration {
    fn get(&self, py: Python<'_>) -> PyResult<&Arc<bigseg::integration::Integration>> {
        self.generation.check().map_err(|e| to_py_err(py, &e))?;
        Ok(&self.integration)
    }

    /// Marks the integration as closed, and returns it unless it belongs to the parent process.
    pub(crate) fn mark_closed(&self) -> Option<Arc<bigseg::integration::Integration>> {
        self.is_closed.store(true, Ordering::Release);
        (!self.generation.is_stale()).then(|| Arc::clone(&self.integration))
    }

    fn change(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&bigseg::integration::Integration) -> bigseg::Result<()> + Send,
    ) -> PyResult<()> {
        let integration = self.get(py)?;
        without_gil(py, || change(integration)).map_err(|e: Error| to_py_err(py, &e))
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
        definition.project = project;
        definition.environment = environment;
        definition.on = on;
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
        let started = without_gil(py, || bigseg::integration::Integration::start(config));
        Ok(Self {
            integration: ManuallyDrop::new(Arc::new(started.map_err(|e| to_py_err(py, &e))?)),
            generation: ForkGeneration::current(),
            listeners: Listeners::default(),
            change_listener,
            is_closed: AtomicBool::new(false),
        })
    }

    /// Returns the current status; never waits.
    fn status(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let integration = self.get(py)?;
        python_types::integration_status(py, &without_gil(py, || integration.status()))
    }

    /// Returns the last errors, newest first; never waits.
    fn error_log(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let integration = self.get(py)?;
        let errors = without_gil(py, || integration.error_log());
        errors.iter().map(|error| python_types::sync_failure(py, error)).collect()
    }

    /// Calls back with the current status and with every change; returns an id for removing the
    /// listener.
    #[pyo3(signature = (callback, /))]
    fn add_status_listener(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<u64> {
        let integration = self.get(py)?;
        let added = without_gil(py, || {
            self.listeners.add(callback, |callback| {
                Ok(integration.add_status_listener(move |status| {
                    invoke(&callback, |py| python_types::integration_status(py, status));
                }))
            })
        });
        added.map_err(|e| to_py_err(py, &e))
    }

    /// Removes a listener, and returns whether it existed; it is not called after this returns.
    #[pyo3(signature = (listener_id, /))]
    fn remove_status_listener(&self, py: Python<'_>, listener_id: u64) -> PyResult<bool> {
        let Some((callback, core_id)) = self.listeners.remove(listener_id) else { return Ok(false) };
        if let (false, Some(core_id)) = (self.generation.is_stale(), core_id) {
            let integration: &bigseg::integration::Integration = &self.integration;
            without_gil(py, || remove_listener(integration, core_id));
        }
        drop(callback);
        Ok(true)
    }

    /// Replaces the SDK key without a restart.
    #[pyo3(signature = (sdk_key, /))]
    fn set_sdk_key(&self, py: Python<'_>, sdk_key: &str) -> PyResult<()> {
        let sdk_key = SdkKey::new(sdk_key).map_err(|e| to_py_err(py, &e))?;
        self.change(py, |integration| integration.set_sdk_key(sdk_key))
    }

    /// Turns the integration on or off; does not wait.
    #[pyo3(signature = (on, /))]
    fn set_on(&self, py: Python<'_>, on: bool) -> PyResult<()> {
        self.change(py, |integration| integration.set_on(on))
    }

    /// Changes the display name.
    #[pyo3(signature = (name, /))]
    fn set_name(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.change(py, |integration| integration.set_name(name))
    }

    #[pyo3(signature = (store, /))]
    fn _set_store(&self, py: Python<'_>, store: &Bound<'_, StoreConfig>) -> PyResult<()> {
        let store = store.get().0.clone();
        self.change(py, |integration| integration.set_store(store))
    }

    /// Stops the integration, and waits until it no longer writes to the store.
    ///
    /// A second call has no effect.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(integration) = self.mark_closed() {
            wait(py, integration.close())?;
        }
        crate::log::deliver(py);
        Ok(())
    }

    /// Whether `close` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
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

fn remove_listener(integration: &bigseg::integration::Integration, id: ListenerId) {
    integration.remove_status_listener(id);
}

impl Drop for Integration {
    fn drop(&mut self) {
        if self.generation.is_stale() {
            return;
        }
        // SAFETY: the value is taken once, when its only owner is dropped.
        let integration = unsafe { ManuallyDrop::take(&mut self.integration) };
        // Without the GIL, because the threads of the integration may wait for it.
        Python::try_attach(|py| py.detach(|| drop(integration)));
    }
}
