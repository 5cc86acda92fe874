//! Status listeners of an engine or an integration. They outlive an engine that is opened anew in a forked child.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use bigseg_core::status::ListenerId;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::gil::enter;

/// The listeners of one owner, by the number that Python knows them by.
///
/// The lock is held for moments only, with the GIL and without a call into Python: no other thread can have it at `fork`.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Table>);

#[derive(Default)]
struct Table {
    last_number: u64,
    listeners: BTreeMap<u64, Listener>,
}

/// The owner holds on to a callback only weakly: so the garbage collector sees every reference to it.
struct Listener {
    callback: Arc<Py<PyAny>>,
    id: Option<ListenerId>,
}

impl Listeners {
    /// Adds a listener, for whom `subscribe` asks the owner, and returns its number.
    pub(crate) fn add(
        &self,
        callback: Py<PyAny>,
        subscribe: impl FnOnce(Weak<Py<PyAny>>) -> bigseg_core::Result<ListenerId>,
    ) -> bigseg_core::Result<u64> {
        let callback = Arc::new(callback);
        let number = {
            let mut table = self.0.lock();
            table.last_number += 1;
            let number = table.last_number;
            table.listeners.insert(number, Listener { callback: callback.clone(), id: None });
            number
        };
        match subscribe(Arc::downgrade(&callback)) {
            Ok(id) => {
                self.settle(number, id);
                Ok(number)
            }
            Err(e) => {
                let removed = self.0.lock().listeners.remove(&number);
                drop(removed);
                Err(e)
            }
        }
    }

    /// Gives every listener to an owner that takes the place of the one before.
    pub(crate) fn move_to(
        &self,
        subscribe: impl Fn(Weak<Py<PyAny>>) -> bigseg_core::Result<ListenerId>,
    ) -> bigseg_core::Result<()> {
        let all: Vec<_> = self.0.lock().listeners.iter().map(|(n, l)| (*n, l.callback.clone())).collect();
        for (number, callback) in all {
            self.settle(number, subscribe(Arc::downgrade(&callback))?);
        }
        Ok(())
    }

    fn settle(&self, number: u64, id: ListenerId) {
        if let Some(listener) = self.0.lock().listeners.get_mut(&number) {
            listener.id = Some(id);
        }
    }

    /// Takes a listener off the table. What it returns must be dropped in the interpreter.
    pub(crate) fn take(&self, number: u64) -> Option<(Arc<Py<PyAny>>, Option<ListenerId>)> {
        let listener = self.0.lock().listeners.remove(&number)?;
        Some((listener.callback, listener.id))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().listeners.is_empty()
    }

    pub(crate) fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The collector runs on a thread that has the GIL, perhaps while it holds this lock.
        let Some(table) = self.0.try_lock() else { return Ok(()) };
        table.listeners.values().try_for_each(|listener| visit.call(&*listener.callback))
    }

    /// Forgets every listener.
    pub(crate) fn clear(&self) {
        let listeners = std::mem::take(&mut self.0.lock().listeners);
        drop(listeners);
    }
}

/// Calls a listener with the status that `make` makes.
pub(crate) fn hear(callback: &Weak<Py<PyAny>>, make: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>>) {
    enter(|py| {
        let Some(callback) = callback.upgrade() else { return };
        let called = make(py).and_then(|status| callback.call1(py, (status,)));
        if let Err(exception) = called {
            crate::log::exception(
                py,
                "a status listener raised an exception; it stays subscribed",
                &exception,
            );
        }
    });
}
