//! The options of an engine, with defaults and bounds.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{StoreConfig, StoreReader};

/// The source of an engine's memberships.
#[derive(Clone, Default)]
pub enum Source {
    /// No store: every lookup has the status
    /// [`NotConfigured`](crate::LookupStatus::NotConfigured).
    #[default]
    None,
    /// A store of this library.
    Store(StoreConfig),
    /// A store implemented by the application.
    Custom(Arc<dyn StoreReader>),
}

/// Whether the store pushes invalidations (docs/spec.md#push-invalidation).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PushInvalidation {
    /// On if the store supports it and permits it; otherwise answers expire, and the status has the
    /// reason.
    #[default]
    Auto,
    /// Off: answers expire.
    Off,
}

/// The options of an engine; every field has a documented default (docs/spec.md#reading).
///
/// ```
/// # use std::time::Duration;
/// # use bigseg::{Engine, EngineConfig};
/// let config = EngineConfig::new("memory:")?.with_lookup_deadline(Duration::from_millis(200));
/// let engine = Engine::open(config)?;
/// # Ok::<(), bigseg::Error>(())
/// ```
/// [`Engine::open`](super::Engine::open) checks the options.
///
/// The comments on the fields are the only source of their documentation: `xtask generate` writes
/// them into the bindings, the C header and `docs/options.md`.
#[derive(Clone)]
#[non_exhaustive]
pub struct EngineConfig {
    /// The source of memberships. Default: [`Source::None`].
    pub source: Source,
    /// Contexts that the cache holds, a hard bound; 0 disables the cache. At most 2^30.
    ///
    /// Default: [1,000](Self::DEFAULT_CONTEXT_CACHE_SIZE).
    pub context_cache_size: usize,
    /// Time for which an answer is served from the cache; 0 disables the cache.
    ///
    /// Default: [5 s](Self::DEFAULT_CONTEXT_CACHE_TIME).
    pub context_cache_time: Duration,
    /// Whether the store pushes invalidations. With `auto`, it does if it supports and permits
    /// them.
    ///
    /// Default: [`auto`](PushInvalidation::Auto).
    pub push_invalidation: PushInvalidation,
    /// Time for which an answer is served from the cache while push invalidation works, if that is
    /// longer than `context_cache_time`. A disabled cache stays disabled. At most 10 min, in case a
    /// message is lost.
    ///
    /// Default: [60 s](Self::DEFAULT_PUSH_CACHE_TIME).
    pub push_cache_time: Duration,
    /// Interval between reads of the store's sync time. A shorter `stale_after` shortens it.
    ///
    /// Default: [5 s](Self::DEFAULT_STATUS_POLL_INTERVAL).
    pub status_poll_interval: Duration,
    /// Age of the sync time from which answers are `STALE`; `None` disables the check. A store that
    /// was never synchronized is stale in any case.
    ///
    /// Default: [120 s](Self::DEFAULT_STALE_AFTER).
    pub stale_after: Option<Duration>,
    /// Time after which a lookup stops waiting for the store.
    ///
    /// Default: [1 s](Self::DEFAULT_LOOKUP_DEADLINE).
    pub lookup_deadline: Duration,
    /// Greatest age of an answer that is served, as `STORE_ERROR`, while the store fails; 0
    /// disables last known answers.
    ///
    /// Default: [300 s](Self::DEFAULT_LAST_KNOWN_TIME).
    pub last_known_time: Duration,
    /// Contexts per query of the store, from 1 to 10,000.
    ///
    /// Default: [128](Self::DEFAULT_BATCH_SIZE).
    pub batch_size: usize,
    /// Queries of the store in flight at the same time, from 1 to 1,024.
    ///
    /// Default: [4](Self::DEFAULT_BATCHES_AT_ONCE).
    pub batches_at_once: usize,
    /// Failed queries in a row after which the circuit breaker opens: lookups then fail without
    /// waiting for the store. 0 disables the breaker.
    ///
    /// Default: [3](Self::DEFAULT_BREAKER_FAILURES).
    pub breaker_failures: u32,
    /// Interval between background probes of the store while the circuit breaker is open.
    ///
    /// Default: [1 s](Self::DEFAULT_BREAKER_PROBE_INTERVAL).
    pub breaker_probe_interval: Duration,
    /// Source of time; a manual clock is for tests.
    ///
    /// Default: [the clocks of the machine](Clock::System).
    pub clock: Clock,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            source: Source::None,
            context_cache_size: Self::DEFAULT_CONTEXT_CACHE_SIZE,
            context_cache_time: Self::DEFAULT_CONTEXT_CACHE_TIME,
            push_invalidation: PushInvalidation::Auto,
            push_cache_time: Self::DEFAULT_PUSH_CACHE_TIME,
            status_poll_interval: Self::DEFAULT_STATUS_POLL_INTERVAL,
            stale_after: Some(Self::DEFAULT_STALE_AFTER),
            lookup_deadline: Self::DEFAULT_LOOKUP_DEADLINE,
            last_known_time: Self::DEFAULT_LAST_KNOWN_TIME,
            batch_size: Self::DEFAULT_BATCH_SIZE,
            batches_at_once: Self::DEFAULT_BATCHES_AT_ONCE,
            breaker_failures: Self::DEFAULT_BREAKER_FAILURES,
            breaker_probe_interval: Self::DEFAULT_BREAKER_PROBE_INTERVAL,
            clock: Clock::System,
        }
    }
}

/// The longest duration of any option: a year.
pub const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);
/// The largest cache, in contexts.
pub const MAX_CACHE_SIZE: usize = 1 << 30;
/// The largest batch, in contexts.
pub const MAX_BATCH_SIZE: usize = 10_000;
/// The most queries in flight at the same time.
pub const MAX_BATCHES_AT_ONCE: usize = 1024;

impl EngineConfig {
    /// Default of [`context_cache_size`](Self::context_cache_size).
    pub const DEFAULT_CONTEXT_CACHE_SIZE: usize = 1_000;
    /// Default of [`context_cache_time`](Self::context_cache_time).
    pub const DEFAULT_CONTEXT_CACHE_TIME: Duration = Duration::from_secs(5);
    /// Default of [`push_cache_time`](Self::push_cache_time).
    pub const DEFAULT_PUSH_CACHE_TIME: Duration = Duration::from_secs(60);
    /// The longest [`push_cache_time`](Self::push_cache_time).
    pub const MAX_PUSH_CACHE_TIME: Duration = Duration::from_secs(600);
    /// Default of [`status_poll_interval`](Self::status_poll_interval).
    pub const DEFAULT_STATUS_POLL_INTERVAL: Duration = Duration::from_secs(5);
    /// Default of [`stale_after`](Self::stale_after).
    pub const DEFAULT_STALE_AFTER: Duration = crate::status::DEFAULT_STALE_AFTER;
    /// Default of [`lookup_deadline`](Self::lookup_deadline).
    pub const DEFAULT_LOOKUP_DEADLINE: Duration = Duration::from_secs(1);
    /// Default of [`last_known_time`](Self::last_known_time).
    pub const DEFAULT_LAST_KNOWN_TIME: Duration = Duration::from_secs(300);
    /// Default of [`batch_size`](Self::batch_size).
    pub const DEFAULT_BATCH_SIZE: usize = 128;
    /// Default of [`batches_at_once`](Self::batches_at_once).
    pub const DEFAULT_BATCHES_AT_ONCE: usize = 4;
    /// Default of [`breaker_failures`](Self::breaker_failures).
    pub const DEFAULT_BREAKER_FAILURES: u32 = 3;
    /// Default of [`breaker_probe_interval`](Self::breaker_probe_interval).
    pub const DEFAULT_BREAKER_PROBE_INTERVAL: Duration = Duration::from_secs(1);

    /// Creates the options for a store URL; all else has its default.
    ///
    /// # Errors
    /// See [`StoreConfig::parse`].
    pub fn new(store: &str) -> Result<Self> {
        Ok(Self { source: Source::Store(StoreConfig::parse(store)?), ..Self::default() })
    }

    /// Sets the field `source`.
    #[must_use]
    pub fn with_source(self, source: Source) -> Self {
        Self { source, ..self }
    }

    /// Sets the field `context_cache_size`.
    #[must_use]
    pub fn with_context_cache_size(self, context_cache_size: usize) -> Self {
        Self { context_cache_size, ..self }
    }

    /// Sets the field `context_cache_time`.
    #[must_use]
    pub fn with_context_cache_time(self, context_cache_time: Duration) -> Self {
        Self { context_cache_time, ..self }
    }

    /// Sets the field `push_invalidation`.
    #[must_use]
    pub fn with_push_invalidation(self, push_invalidation: PushInvalidation) -> Self {
        Self { push_invalidation, ..self }
    }

    /// Sets the field `push_cache_time`.
    #[must_use]
    pub fn with_push_cache_time(self, push_cache_time: Duration) -> Self {
        Self { push_cache_time, ..self }
    }

    /// Sets the field `status_poll_interval`.
    #[must_use]
    pub fn with_status_poll_interval(self, status_poll_interval: Duration) -> Self {
        Self { status_poll_interval, ..self }
    }

    /// Sets the field `stale_after`.
    #[must_use]
    pub fn with_stale_after(self, stale_after: Option<Duration>) -> Self {
        Self { stale_after, ..self }
    }

    /// Sets the field `lookup_deadline`.
    #[must_use]
    pub fn with_lookup_deadline(self, lookup_deadline: Duration) -> Self {
        Self { lookup_deadline, ..self }
    }

    /// Sets the field `last_known_time`.
    #[must_use]
    pub fn with_last_known_time(self, last_known_time: Duration) -> Self {
        Self { last_known_time, ..self }
    }

    /// Sets the field `batch_size`.
    #[must_use]
    pub fn with_batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }

    /// Sets the field `batches_at_once`.
    #[must_use]
    pub fn with_batches_at_once(self, batches_at_once: usize) -> Self {
        Self { batches_at_once, ..self }
    }

    /// Sets the field `breaker_failures`.
    #[must_use]
    pub fn with_breaker_failures(self, breaker_failures: u32) -> Self {
        Self { breaker_failures, ..self }
    }

    /// Sets the field `breaker_probe_interval`.
    #[must_use]
    pub fn with_breaker_probe_interval(self, breaker_probe_interval: Duration) -> Self {
        Self { breaker_probe_interval, ..self }
    }

    /// Sets the field `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Checks the bounds of every option.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] for the first option that is out of bounds.
    pub fn validate(&self) -> Result<()> {
        let millisecond = Duration::from_millis(1);
        duration("context_cache_time", self.context_cache_time, Duration::ZERO)?;
        if self.push_cache_time > Self::MAX_PUSH_CACHE_TIME {
            let given = self.push_cache_time;
            let most = Self::MAX_PUSH_CACHE_TIME;
            return Err(invalid(format!("push_cache_time is {given:?}; it must be at most {most:?}")));
        }
        duration("status_poll_interval", self.status_poll_interval, millisecond)?;
        if let Some(stale_after) = self.stale_after {
            duration("stale_after", stale_after, millisecond)?;
        }
        duration("lookup_deadline", self.lookup_deadline, millisecond)?;
        duration("last_known_time", self.last_known_time, Duration::ZERO)?;
        duration("breaker_probe_interval", self.breaker_probe_interval, millisecond)?;
        number("context_cache_size", self.context_cache_size, 0, MAX_CACHE_SIZE)?;
        number("batch_size", self.batch_size, 1, MAX_BATCH_SIZE)?;
        number("batches_at_once", self.batches_at_once, 1, MAX_BATCHES_AT_ONCE)
    }

    /// Returns the interval between polls, which `stale_after` may shorten.
    pub fn effective_poll_interval(&self) -> Duration {
        self.stale_after
            .map_or(self.status_poll_interval, |stale_after| self.status_poll_interval.min(stale_after))
    }
}

fn duration(name: &str, value: Duration, min: Duration) -> Result<()> {
    if (min..=MAX_DURATION).contains(&value) {
        return Ok(());
    }
    Err(invalid(format!("{name} is {value:?}; it must be between {min:?} and a year")))
}

fn number(name: &str, value: usize, min: usize, max: usize) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(invalid(format!("{name} is {value}; it must be between {min} and {max}")))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}
