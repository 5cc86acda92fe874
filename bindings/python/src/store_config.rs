//! The configuration of a store.

use std::path::PathBuf;

use bigseg::store::{OptionType, OptionValue, StoreOption};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};

use crate::argument::{duration, wrong_type};
use crate::error::to_py_err;

/// The configuration of a store, made from a store string or from the path of an embedded store.
#[pyclass(frozen, eq, module = "bigseg")]
#[derive(PartialEq)]
pub(crate) struct StoreConfig(pub(crate) bigseg::StoreConfig);

#[pymethods]
impl StoreConfig {
    /// Parses a store string, and applies options given by name.
    #[staticmethod]
    #[pyo3(signature = (text, /, **options))]
    fn parse(py: Python<'_>, text: &str, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let config = bigseg::StoreConfig::from_parts(text, named_options(options)?);
        Ok(Self(config.map_err(|e| to_py_err(py, &e))?))
    }

    /// Configures an embedded store by its path, which is taken literally, and by options.
    #[staticmethod]
    #[pyo3(signature = (path, /, **options))]
    fn local(py: Python<'_>, path: PathBuf, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let config = bigseg::StoreConfig::from_parts(path.as_path(), named_options(options)?);
        Ok(Self(config.map_err(|e| to_py_err(py, &e))?))
    }

    /// Formats the store string without secrets and without options that have their default.
    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<StoreConfig {}>", self.0)
    }
}

fn named_options(options: Option<&Bound<'_, PyDict>>) -> PyResult<Vec<(String, OptionValue)>> {
    let Some(options) = options else { return Ok(Vec::new()) };
    let mut named = Vec::with_capacity(options.len());
    for (name, value) in options {
        let name: String = name.extract()?;
        let value = option_value(&name, &value)?;
        named.push((name, value));
    }
    Ok(named)
}

/// Converts the value of an option. A duration is in seconds here, and in milliseconds in the core.
fn option_value(name: &str, value: &Bound<'_, PyAny>) -> PyResult<OptionValue> {
    // The core refuses an unknown option.
    let is_duration = StoreOption::named(name).is_some_and(|option| option.value == OptionType::Duration);
    if is_duration && value.extract::<&str>().is_err() {
        let milliseconds = (duration(name, value)?.as_secs_f64() * 1e3).round();
        return Ok(OptionValue::Number(milliseconds));
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(OptionValue::Flag(flag.is_true()));
    }
    if let Ok(number) = value.extract::<f64>() {
        return Ok(OptionValue::Number(number));
    }
    match value.extract::<PathBuf>().ok().and_then(|path| path.into_os_string().into_string().ok()) {
        Some(text) => Ok(OptionValue::Text(text)),
        None => Err(wrong_type(&format!("{name} is a str, a path, a number or a bool"), value)),
    }
}

/// Returns the names of all store options.
#[pyfunction]
pub(crate) fn store_option_names() -> Vec<&'static str> {
    StoreOption::ALL.iter().map(|option| option.name).collect()
}
