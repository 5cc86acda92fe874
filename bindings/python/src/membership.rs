//! A membership, as a read-only Python mapping from segment refs to `True` or `False`.

use bigseg::SegmentRef;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString};

/// A read-only mapping from segment refs to `True` (included) or `False` (excluded).
///
/// A segment that is missing has no value in the store, and its rules decide.
#[pyclass(frozen, mapping, module = "bigseg")]
#[derive(Clone)]
pub(crate) struct Membership(pub(crate) bigseg::Membership);

/// Returns the text of a ref; `None` for what cannot be in a membership.
fn ref_text<'a>(segment_ref: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    segment_ref.cast::<PyString>().ok()?.to_str().ok()
}

/// Creates a view class of `collections.abc`.
fn view<'py>(membership: &Bound<'py, Membership>, kind: &str) -> PyResult<Bound<'py, PyAny>> {
    membership.py().import("collections.abc")?.getattr(kind)?.call1((membership,))
}

impl Membership {
    fn value(&self, segment_ref: &Bound<'_, PyAny>) -> Option<bool> {
        self.0.check(ref_text(segment_ref)?)
    }

    /// Iterates over the refs, each once; a context that is both included and excluded is included.
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
        Self(bigseg::Membership::new(refs(included), refs(excluded)))
    }

    /// Returns `True` when included, `False` when excluded, `None` when the store has no value.
    #[pyo3(signature = (segment_ref, /))]
    fn check(&self, segment_ref: &Bound<'_, PyAny>) -> Option<bool> {
        self.value(segment_ref)
    }

    /// The refs of the segments that include the context, sorted.
    #[getter]
    fn included(&self) -> Vec<&str> {
        self.0.included().iter().map(SegmentRef::as_str).collect()
    }

    /// The refs of the segments that exclude the context, sorted. A ref that is also included is in
    /// both lists.
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

    /// Returns the pairs of refs and values.
    fn items<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "ItemsView")
    }

    /// Compares with another membership or any other mapping.
    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if let Ok(other) = other.cast::<Self>() {
            let is_equal = self.refs().eq(other.get().refs());
            return Ok(is_equal.into_pyobject(py)?.to_owned().into_any().unbind());
        }
        if !other.hasattr("keys")? {
            return Ok(py.NotImplemented());
        }
        let dict = PyDict::new(py);
        for (segment_ref, included) in self.refs() {
            dict.set_item(segment_ref.as_str(), included)?;
        }
        Ok(dict.rich_compare(other, pyo3::basic::CompareOp::Eq)?.unbind())
    }

    fn __repr__(&self) -> String {
        let included = self.0.included().len();
        let excluded = self.refs().count() - included;
        format!("<Membership: {included} included, {excluded} excluded>")
    }
}
