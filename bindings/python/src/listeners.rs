//! Status listeners of an engine or an integration; they survive the reopening in a forked child.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use bigseg::status::ListenerId;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::gil::with_gil;

/// The listeners of one owner, by the id that Python uses.
///
/// The lock is held briefly, with the GIL and without a call into Python. Therefore no other thread
/// holds it at `fork`.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Table>);

#[derive(Default)]
struct Table {
    last_id: u64,
    listeners: BTreeMap<u64, Listener>,
}

/// A callback with its id in the core.
///
/// The core holds only a weak reference, so the garbage collector finds every strong reference.
struct Listener {
    callback: Arc<Py<PyAny>>,
    core_id: Option<ListenerId>,
}

impl Listeners {
    /// Adds a listener with `subscribe`, and returns its id.
    pub(crate) fn add(
        &self,
        callback: Py<PyAny>,
        subscribe: impl FnOnce(Weak<Py<PyAny>>) -> bigseg::Result<ListenerId>,
    ) -> bigseg::Result<u64> {
        let callback = Arc::new(callback);
        let id = {
            let mut table = self.0.lock();
            table.last_id += 1;
            let id = table.last_id;
            table.listeners.insert(id, Listener { callback: callback.clone(), core_id: None });
            id
        };
        match subscribe(Arc::downgrade(&callback)) {
            Ok(core_id) => {
                self.set_core_id(id, core_id);
                Ok(id)
            }
            Err(e) => {
                let removed = self.0.lock().listeners.remove(&id);
                drop(removed);
                Err(e)
            }
        }
    }

    /// Subscribes every listener to a new owner that replaces the previous one.
    pub(crate) fn resubscribe(
        &self,
        subscribe: impl Fn(Weak<Py<PyAny>>) -> bigseg::Result<ListenerId>,
    ) -> bigseg::Result<()> {
        let all: Vec<_> = self.0.lock().listeners.iter().map(|(id, l)| (*id, l.callback.clone())).collect();
        for (id, callback) in all {
            self.set_core_id(id, subscribe(Arc::downgrade(&callback))?);
        }
        Ok(())
    }

    fn set_core_id(&self, id: u64, core_id: ListenerId) {
        if let Some(listener) = self.0.lock().listeners.get_mut(&id) {
            listener.core_id = Some(core_id);
        }
    }

    /// Removes a listener. The returned callback must be dropped with the GIL.
    pub(crate) fn remove(&self, id: u64) -> Option<(Arc<Py<PyAny>>, Option<ListenerId>)> {
        let listener = self.0.lock().listeners.remove(&id)?;
        Some((listener.callback, listener.core_id))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().listeners.is_empty()
    }

    pub(crate) fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The collector runs on a thread with the GIL, which may already hold this lock.
        let Some(table) = self.0.try_lock() else { return Ok(()) };
        table.listeners.values().try_for_each(|listener| visit.call(&*listener.callback))
    }

    /// Removes every listener.
    pub(crate) fn clear(&self) {
        let listeners = std::mem::take(&mut self.0.lock().listeners);
        drop(listeners);
    }
}

/// Calls a listener with the status object that `to_python` makes.
pub(crate) fn invoke(callback: &Weak<Py<PyAny>>, to_python: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>>) {
    with_gil(|py| {
        let Some(callback) = callback.upgrade() else { return };
        let called = to_python(py).and_then(|status| callback.call1(py, (status,)));
        if let Err(exception) = called {
            let message = "a status listener raised an exception; it stays subscribed";
            crate::log::exception(py, message, &exception);
        }
    });
}
