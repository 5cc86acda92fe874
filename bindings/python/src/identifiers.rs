//! Context hashes and segment refs (docs/spec.md#identifiers), and what kind of segment a list makes (docs/spec.md#big-segments).

use bigseg_core::SegmentRef;
use pyo3::prelude::*;

use crate::argument::{hash_of_key, hash_of_text};
use crate::error::raised;
use crate::python_types;

/// Returns the hash of a context key.
#[pyfunction]
#[pyo3(signature = (context_key, /))]
pub(crate) fn context_hash(context_key: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(hash_of_key(context_key)?.to_string())
}

/// Returns a context hash, if it is one.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn parse_context_hash(text: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(hash_of_text(text)?.to_string())
}

/// Returns the ref of a segment's generation.
#[pyfunction]
pub(crate) fn segment_ref(py: Python<'_>, segment_key: &str, generation: u64) -> PyResult<String> {
    let segment_ref = SegmentRef::new(segment_key, generation).map_err(|e| raised(py, &e))?;
    Ok(segment_ref.as_str().to_owned())
}

/// Returns a ref's segment key and generation.
#[pyfunction]
pub(crate) fn parse_segment_ref(py: Python<'_>, text: &str) -> PyResult<(String, u64)> {
    let segment_ref = SegmentRef::parse(text).map_err(|e| raised(py, &e))?;
    let generation = segment_ref.generation().expect("a parsed ref has a generation");
    Ok((segment_ref.segment_key().to_owned(), generation))
}

/// Returns what a list of that many entries, of that many context kinds, makes.
#[pyfunction]
pub(crate) fn classify(py: Python<'_>, entries: u64, context_kinds: u64) -> Py<PyAny> {
    python_types::segment_kind(py, bigseg_core::segment::classify(entries, context_kinds))
}
