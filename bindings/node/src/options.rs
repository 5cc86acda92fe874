//! The engine's options, with the names of JavaScript; durations are milliseconds.

use std::time::Duration;

use bigseg::engine::PushInvalidation;
use bigseg::{EngineConfig, Error, ErrorKind};
use napi_derive::napi;

/// The engine options; a missing one has its default.
#[napi(object, object_to_js = false)]
pub struct NativeOptions {
    /// See `EngineConfig`, also for the rest.
    pub context_cache_size: Option<f64>,
    /// Milliseconds.
    pub context_cache_time: Option<f64>,
    /// `auto` or `off`.
    pub push_invalidation: Option<String>,
    /// Milliseconds.
    pub push_cache_time: Option<f64>,
    /// Milliseconds.
    pub status_poll_interval: Option<f64>,
    /// Milliseconds; infinite means never stale.
    pub stale_after: Option<f64>,
    /// Milliseconds.
    pub lookup_deadline: Option<f64>,
    /// Milliseconds.
    pub last_known_time: Option<f64>,
    /// Contexts.
    pub batch_size: Option<f64>,
    /// Queries.
    pub batches_at_once: Option<f64>,
    /// Queries.
    pub breaker_failures: Option<f64>,
    /// Milliseconds.
    pub breaker_probe_interval: Option<f64>,
}

impl NativeOptions {
    /// Applies the options to the default configuration.
    ///
    /// # Errors [`ErrorKind::InvalidConfig`] with the name of an invalid option. Opening an engine
    /// checks bounds.
    pub(crate) fn engine_config(&self) -> bigseg::Result<EngineConfig> {
        let mut config = EngineConfig::default();
        let whole = |name, option, field: &mut usize| set(field, option, |number| count(name, number));
        let time =
            |name, option, field: &mut Duration| set(field, option, |number| milliseconds(name, number));
        whole("contextCacheSize", self.context_cache_size, &mut config.context_cache_size)?;
        whole("batchSize", self.batch_size, &mut config.batch_size)?;
        whole("batchesAtOnce", self.batches_at_once, &mut config.batches_at_once)?;
        time("contextCacheTime", self.context_cache_time, &mut config.context_cache_time)?;
        time("pushCacheTime", self.push_cache_time, &mut config.push_cache_time)?;
        time("statusPollInterval", self.status_poll_interval, &mut config.status_poll_interval)?;
        time("lookupDeadline", self.lookup_deadline, &mut config.lookup_deadline)?;
        time("lastKnownTime", self.last_known_time, &mut config.last_known_time)?;
        time("breakerProbeInterval", self.breaker_probe_interval, &mut config.breaker_probe_interval)?;
        set(&mut config.breaker_failures, self.breaker_failures, |number| {
            let failures = count("breakerFailures", number)?;
            u32::try_from(failures).map_err(|_| invalid("breakerFailures", "a smaller number"))
        })?;
        config.stale_after = match self.stale_after {
            None => config.stale_after,
            Some(f64::INFINITY) => None,
            Some(number) => Some(milliseconds("staleAfter", number)?),
        };
        config.push_invalidation = match self.push_invalidation.as_deref() {
            None => config.push_invalidation,
            Some("auto") => PushInvalidation::Auto,
            Some("off") => PushInvalidation::Off,
            Some(_) => return Err(invalid("pushInvalidation", "\"auto\" or \"off\"")),
        };
        Ok(config)
    }
}

fn set<T>(
    field: &mut T,
    option: Option<f64>,
    read: impl FnOnce(f64) -> bigseg::Result<T>,
) -> bigseg::Result<()> {
    if let Some(number) = option {
        *field = read(number)?;
    }
    Ok(())
}

/// Reads a duration.
pub(crate) fn milliseconds(name: &str, number: f64) -> bigseg::Result<Duration> {
    Duration::try_from_secs_f64(number / 1e3).map_err(|_| invalid(name, "a number of milliseconds"))
}

fn count(name: &str, number: f64) -> bigseg::Result<usize> {
    let is_whole = number >= 0.0 && number.fract() == 0.0 && number <= f64::from(u32::MAX);
    is_whole.then_some(number as usize).ok_or_else(|| invalid(name, "a whole number"))
}

fn invalid(name: &str, kind: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("{name} must be {kind}"))
}
