//! The engine's options, as keyword arguments with the names of the core.

use bigseg::engine::PushInvalidation;
use bigseg::{Clock, EngineConfig, Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::argument::duration;
use crate::clock::ManualClock;
use crate::error::to_py_err;

/// Reads the options; a missing one keeps its default.
pub(crate) fn engine_config(options: &Bound<'_, PyDict>) -> PyResult<EngineConfig> {
    let mut config = EngineConfig::default();
    for (name, value) in options {
        let name: String = name.extract()?;
        set(&mut config, &name, &value)?;
    }
    config.validate().map_err(|e| to_py_err(options.py(), &e))?;
    Ok(config)
}

fn set(config: &mut EngineConfig, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    match name {
        "context_cache_size" => config.context_cache_size = count(name, value)?,
        "context_cache_time" => config.context_cache_time = duration(name, value)?,
        "push_invalidation" => config.push_invalidation = push_invalidation(name, value)?,
        "push_cache_time" => config.push_cache_time = duration(name, value)?,
        "status_poll_interval" => config.status_poll_interval = duration(name, value)?,
        "stale_after" if value.is_none() => config.stale_after = None,
        "stale_after" => config.stale_after = Some(duration(name, value)?),
        "lookup_deadline" => config.lookup_deadline = duration(name, value)?,
        "last_known_time" => config.last_known_time = duration(name, value)?,
        "batch_size" => config.batch_size = count(name, value)?,
        "batches_at_once" => config.batches_at_once = count(name, value)?,
        "breaker_failures" => config.breaker_failures = count(name, value)?,
        "breaker_probe_interval" => config.breaker_probe_interval = duration(name, value)?,
        "clock" => config.clock = Clock::Manual(value.cast::<ManualClock>()?.get().0.clone()),
        _ => return Err(invalid(value, format!("{name} is not an option"))),
    }
    Ok(())
}

fn push_invalidation(name: &str, value: &Bound<'_, PyAny>) -> PyResult<PushInvalidation> {
    match value.extract() {
        Ok("auto") => Ok(PushInvalidation::Auto),
        Ok("off") => Ok(PushInvalidation::Off),
        _ => Err(invalid(value, format!("{name} must be \"auto\" or \"off\""))),
    }
}

fn count<T: for<'a, 'py> FromPyObject<'a, 'py>>(name: &str, value: &Bound<'_, PyAny>) -> PyResult<T> {
    // Covers numbers outside of `T` and other types; the core checks its own, narrower bounds
    // later.
    value.extract().map_err(|_| invalid(value, format!("{name} must be a whole number within its bounds")))
}

fn invalid(value: &Bound<'_, PyAny>, message: String) -> PyErr {
    to_py_err(value.py(), &Error::new(ErrorKind::InvalidConfig, message))
}
