//! Which store to use.

use std::path::PathBuf;

use bigseg_core::store::local::LocalConfig;
use pyo3::prelude::*;

use crate::error::raised;

/// Names a store; made from a store string, or from the path of an embedded store.
#[pyclass(frozen, eq, module = "bigseg")]
#[derive(PartialEq)]
pub(crate) struct StoreConfig(pub(crate) bigseg_core::StoreConfig);

#[pymethods]
impl StoreConfig {
    /// Reads a store string.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn parse(py: Python<'_>, text: &str) -> PyResult<Self> {
        Ok(Self(bigseg_core::StoreConfig::parse(text).map_err(|e| raised(py, &e))?))
    }

    /// Names an embedded store by a path, which is taken literally.
    #[staticmethod]
    #[pyo3(signature = (path, /))]
    fn local(path: PathBuf) -> Self {
        Self(bigseg_core::StoreConfig::Local(LocalConfig::new(path)))
    }

    /// Writes the store string without its secrets and without options that have their default.
    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<StoreConfig {}>", self.0)
    }
}
