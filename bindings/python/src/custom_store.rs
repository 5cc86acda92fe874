//! A store written in Python, as a store of the engine.
//!
//! `python/bigseg/custom_store.py` adapts every such store to two methods: `memberships(hashes)`
//! and `synchronized_on()`.

use std::sync::{Arc, Weak};

use bigseg::store::{BatchResult, BlockingStore, Metadata};
use bigseg::{ContextHash, Error, ErrorKind, Result, SegmentRef};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::error::from_custom_store;
use crate::gil::with_gil;
use crate::membership::Membership;

/// Holds a weak reference to the Python object, which the Python engine object owns.
pub(crate) struct CustomStore(Weak<Py<PyAny>>);

impl CustomStore {
    pub(crate) fn new(store: &Arc<Py<PyAny>>) -> Self {
        Self(Arc::downgrade(store))
    }

    fn call<T>(&self, work: impl FnOnce(Python<'_>, &Bound<'_, PyAny>) -> PyResult<T>) -> Result<T> {
        let called = with_gil(|py| {
            let store = self.0.upgrade()?;
            Some(work(py, store.bind(py)).map_err(|exception| from_custom_store(py, exception)))
        });
        called.flatten().unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Closed,
                "the custom store cannot be called: its engine is closed, or the interpreter shuts down",
            ))
        })
    }
}

impl BlockingStore for CustomStore {
    fn memberships(&self, hashes: &[ContextHash]) -> Result<BatchResult> {
        let results = self.call(|py, store| {
            let texts = PyList::new(py, hashes.iter().map(ContextHash::to_string))?;
            let answers = store.call_method1("memberships", (texts,))?;
            answers.try_iter()?.map(|answer| Ok(to_membership(&answer?))).collect::<PyResult<_>>()
        })?;
        BatchResult::new(hashes, results)
    }

    fn metadata(&self) -> Result<Metadata> {
        self.call(|_, store| {
            let synchronized_on: Option<i64> = store.call_method0("synchronized_on")?.extract()?;
            Ok(Metadata { synchronized_on: synchronized_on.filter(|time| *time != 0) })
        })
    }
}

/// Converts the store's answer for one context: `None`, a mapping, or an exception.
fn to_membership(answer: &Bound<'_, PyAny>) -> Result<bigseg::Membership> {
    if answer.is_none() {
        return Ok(bigseg::Membership::empty());
    }
    if let Ok(membership) = answer.cast::<Membership>() {
        return Ok(membership.get().0.clone());
    }
    if answer.is_instance_of::<pyo3::exceptions::PyBaseException>() {
        return Err(from_custom_store(answer.py(), PyErr::from_value(answer.clone())));
    }
    from_mapping(answer).map_err(|_| {
        let message = "the custom store returned an answer that is not a mapping of segment refs to bool";
        Error::new(ErrorKind::StoreData, message)
    })
}

fn from_mapping(answer: &Bound<'_, PyAny>) -> PyResult<bigseg::Membership> {
    let py = answer.py();
    let mapping = match answer.cast::<PyDict>() {
        Ok(dict) => dict.clone(),
        Err(_) => py.get_type::<PyDict>().call1((answer,))?.cast_into()?,
    };
    let mut included = Vec::new();
    let mut excluded = Vec::new();
    for (segment_ref, is_included) in mapping {
        let segment_ref = SegmentRef::from_store(segment_ref.cast::<PyString>()?.to_str()?);
        match is_included.extract::<Option<bool>>()? {
            Some(true) => included.push(segment_ref),
            Some(false) => excluded.push(segment_ref),
            None => {}
        }
    }
    Ok(bigseg::Membership::new(included, excluded))
}
