//! Context hashes, segment refs, and the classification of lists by size.

use bigseg::SegmentRef;
use pyo3::prelude::*;

use crate::argument::{hash_of_key, parse_hash};
use crate::error::to_py_err;
use crate::python_types;

/// Returns the hash of a context key.
#[pyfunction]
#[pyo3(signature = (context_key, /))]
pub(crate) fn context_hash(context_key: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(hash_of_key(context_key)?.to_string())
}

/// Returns the text of a valid context hash.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn parse_context_hash(text: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(parse_hash(text)?.to_string())
}

/// Returns the ref of a segment key and a generation.
#[pyfunction]
pub(crate) fn segment_ref(py: Python<'_>, segment_key: &str, generation: u64) -> PyResult<String> {
    let segment_ref = SegmentRef::new(segment_key, generation).map_err(|e| to_py_err(py, &e))?;
    Ok(segment_ref.as_str().to_owned())
}

/// Returns the segment key and the generation of a ref.
#[pyfunction]
pub(crate) fn parse_segment_ref(py: Python<'_>, text: &str) -> PyResult<(String, u64)> {
    let segment_ref = SegmentRef::parse(text).map_err(|e| to_py_err(py, &e))?;
    let generation = segment_ref.generation().expect("a parsed ref has a generation");
    Ok((segment_ref.segment_key().to_owned(), generation))
}

/// Returns the kind of segment for a list of `entries` entries of `context_kinds` context kinds.
#[pyfunction]
pub(crate) fn classify(py: Python<'_>, entries: u64, context_kinds: u64) -> Py<PyAny> {
    python_types::segment_kind(py, bigseg::segment::classify(entries, context_kinds))
}
