//! Where an integration's patches come from.

use std::path::PathBuf;

use bigseg_core::sync::{SdkKey, UpstreamProxy};
use pyo3::prelude::*;

use crate::error::raised;

/// The service that a store is kept in step with; it holds the SDK key, and never shows it.
#[pyclass(frozen, module = "bigseg")]
pub(crate) struct Upstream(pub(crate) bigseg_core::sync::Upstream);

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
        let sdk_key = SdkKey::new(sdk_key).map_err(|e| raised(py, &e))?;
        let mut upstream = bigseg_core::sync::Upstream::new(sdk_key);
        upstream.base_url = base_url.unwrap_or(upstream.base_url);
        upstream.stream_url = stream_url.unwrap_or(upstream.stream_url);
        upstream.proxy = UpstreamProxy::parse(proxy);
        upstream.ca_file = ca_file;
        upstream.validate().map_err(|e| raised(py, &e))?;
        Ok(Self(upstream))
    }

    fn __repr__(&self) -> String {
        format!("<Upstream {}>", self.0.base_url)
    }
}
