//! What the store says about one context, as a read-only mapping from segment refs to `True` or `False`.

use bigseg_core::SegmentRef;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString};

/// A read-only mapping: `True` for each segment that the context is included in, `False` for each that it is excluded
/// from; a segment that is not in it has no value, and its rules decide.
#[pyclass(frozen, mapping, module = "bigseg")]
#[derive(Clone)]
pub(crate) struct Membership(pub(crate) bigseg_core::Membership);

/// Returns the text of a ref, if it is one that could be in a membership.
fn text<'a>(segment_ref: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    segment_ref.cast::<PyString>().ok()?.to_str().ok()
}

/// Makes a view of the standard library's.
fn view<'py>(membership: &Bound<'py, Membership>, kind: &str) -> PyResult<Bound<'py, PyAny>> {
    membership.py().import("collections.abc")?.getattr(kind)?.call1((membership,))
}

impl Membership {
    fn value(&self, segment_ref: &Bound<'_, PyAny>) -> Option<bool> {
        self.0.check(text(segment_ref)?)
    }

    /// The refs, each once: where a context is both included and excluded, included wins.
    fn refs(&self) -> impl Iterator<Item = (&SegmentRef, bool)> {
        let only_excluded = |segment_ref: &&SegmentRef| self.0.check(segment_ref.as_str()) == Some(false);
        let excluded = self.0.excluded().iter().filter(only_excluded).map(|segment_ref| (segment_ref, false));
        self.0.included().iter().map(|segment_ref| (segment_ref, true)).chain(excluded)
    }
}

#[pymethods]
impl Membership {
    #[new]
    #[pyo3(signature = (included = None, excluded = None))]
    fn new(included: Option<Vec<String>>, excluded: Option<Vec<String>>) -> Self {
        let refs =
            |texts: Option<Vec<String>>| texts.unwrap_or_default().into_iter().map(SegmentRef::from_store);
        Self(bigseg_core::Membership::new(refs(included), refs(excluded)))
    }

    /// Returns `True` when included, `False` when excluded, `None` when the store has no value.
    #[pyo3(signature = (segment_ref, /))]
    fn check(&self, segment_ref: &Bound<'_, PyAny>) -> Option<bool> {
        self.value(segment_ref)
    }

    /// The refs that the context is included in, sorted.
    #[getter]
    fn included(&self) -> Vec<&str> {
        self.0.included().iter().map(SegmentRef::as_str).collect()
    }

    /// The refs that the context is excluded from, sorted; one that is included too stands in both.
    #[getter]
    fn excluded(&self) -> Vec<&str> {
        self.0.excluded().iter().map(SegmentRef::as_str).collect()
    }

    fn __getitem__(&self, segment_ref: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.value(segment_ref).ok_or_else(|| PyKeyError::new_err(segment_ref.clone().unbind()))
    }

    fn __contains__(&self, segment_ref: &Bound<'_, PyAny>) -> bool {
        self.value(segment_ref).is_some()
    }

    fn __len__(&self) -> usize {
        self.refs().count()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let refs: Vec<_> = self.refs().map(|(segment_ref, _)| segment_ref.as_str()).collect();
        PyList::new(py, refs)?.try_iter()
    }

    /// Returns the value of a ref, or `default`.
    #[pyo3(signature = (segment_ref, default = None, /))]
    fn get(
        &self,
        py: Python<'_>,
        segment_ref: &Bound<'_, PyAny>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        match self.value(segment_ref) {
            Some(value) => Ok(value.into_pyobject(py)?.to_owned().into_any().unbind()),
            None => Ok(default.unwrap_or_else(|| py.None())),
        }
    }

    /// Returns the refs.
    fn keys<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "KeysView")
    }

    /// Returns the values, in the order of `keys`.
    fn values<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "ValuesView")
    }

    /// Returns the refs with their values.
    fn items<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "ItemsView")
    }

    /// Compares with another membership, or with any mapping.
    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if let Ok(other) = other.cast::<Self>() {
            let same = self.refs().eq(other.get().refs());
            return Ok(same.into_pyobject(py)?.to_owned().into_any().unbind());
        }
        if !other.hasattr("keys")? {
            return Ok(py.NotImplemented());
        }
        let mine = PyDict::new(py);
        for (segment_ref, included) in self.refs() {
            mine.set_item(segment_ref.as_str(), included)?;
        }
        Ok(mine.rich_compare(other, pyo3::basic::CompareOp::Eq)?.unbind())
    }

    fn __repr__(&self) -> String {
        let (included, all) = (self.0.included().len(), self.refs().count());
        format!("<Membership: {included} included, {} excluded>", all - included)
    }
}
