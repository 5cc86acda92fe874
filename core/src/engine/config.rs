//! What an engine can be told, with defaults and bounds.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{StoreConfig, StoreReader};

/// Where an engine reads.
#[derive(Clone, Default)]
pub enum Source {
    /// Nowhere: every lookup answers [`LookupStatus::NotConfigured`](crate::LookupStatus::NotConfigured).
    #[default]
    None,
    /// A store of ours.
    Store(StoreConfig),
    /// A store of the host application's.
    Custom(Arc<dyn StoreReader>),
}

/// Whether to have the store tell of changes as they happen (docs/spec.md#push-invalidation).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PushInvalidation {
    /// Where the store can and may; where not, answers expire, and the status says why.
    #[default]
    Auto,
    /// No: answers expire.
    Off,
}

/// How an engine behaves; every field has a documented default (docs/spec.md#reading).
#[derive(Clone)]
pub struct EngineConfig {
    /// Where memberships come from. Default: nowhere.
    pub source: Source,
    /// How many contexts are remembered, a hard bound; 0 = none. Default: [1,000](Self::DEFAULT_CONTEXT_CACHE_SIZE).
    pub context_cache_size: usize,
    /// How long an answer is served without asking again; 0 = not at all. Default: [5 s](Self::DEFAULT_CONTEXT_CACHE_TIME).
    pub context_cache_time: Duration,
    /// Whether to have the store tell of changes as they happen, where it can. Default: [where it can](PushInvalidation::Auto).
    pub push_invalidation: PushInvalidation,
    /// How long an answer is served without asking again while the store tells of changes as they happen, if that is
    /// longer than `context_cache_time`; a cache that is switched off stays off. At most
    /// [10 min](Self::MAX_PUSH_CACHE_TIME), in case one goes untold after all. Default: [60 s](Self::DEFAULT_PUSH_CACHE_TIME).
    pub push_cache_time: Duration,
    /// How often the store's sync time is read; never more than `stale_after` apart. Default: [5 s](Self::DEFAULT_STATUS_POLL_INTERVAL).
    pub status_poll_interval: Duration,
    /// How old the sync time may grow before answers are called stale; `None` = however old. A store that was never
    /// synchronised is stale all the same. Default: [120 s](Self::DEFAULT_STALE_AFTER).
    pub stale_after: Option<Duration>,
    /// How long a caller waits at most. Default: [1 s](Self::DEFAULT_LOOKUP_DEADLINE).
    pub lookup_deadline: Duration,
    /// How old an answer may be that is served, as `STORE_ERROR`, while the store fails; 0 = none is. Default: [5 min](Self::DEFAULT_LAST_KNOWN_TIME).
    pub last_known_time: Duration,
    /// How many contexts one query may ask for. Default: [128](Self::DEFAULT_BATCH_SIZE).
    pub batch_size: usize,
    /// How many queries may be under way at once. Default: [4](Self::DEFAULT_BATCHES_AT_ONCE).
    pub batches_at_once: usize,
    /// After how many failed queries in a row callers stop waiting for the store; 0 = never. Default: [3](Self::DEFAULT_BREAKER_FAILURES).
    pub breaker_failures: u32,
    /// How often a store that callers do not wait for is probed in the background. Default: [1 s](Self::DEFAULT_BREAKER_PROBE_INTERVAL).
    pub breaker_probe_interval: Duration,
    /// What time it is. Default: the machine's clocks.
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

/// The longest duration any option takes: a year.
pub const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);
/// The most contexts a cache takes.
pub const MAX_CACHE_SIZE: usize = 1 << 30;
/// The most contexts one query takes.
pub const MAX_BATCH_SIZE: usize = 10_000;
/// The most queries under way at once.
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

    /// Names a store by its store string, with default options.
    ///
    /// # Errors
    /// See [`StoreConfig::parse`].
    pub fn new(store: &str) -> Result<Self> {
        Ok(Self { source: Source::Store(StoreConfig::parse(store)?), ..Self::default() })
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] naming the first option that is out of bounds, and the bounds.
    pub fn validate(&self) -> Result<()> {
        let millisecond = Duration::from_millis(1);
        duration("context_cache_time", self.context_cache_time, Duration::ZERO)?;
        if self.push_cache_time > Self::MAX_PUSH_CACHE_TIME {
            let (given, most) = (self.push_cache_time, Self::MAX_PUSH_CACHE_TIME);
            return Err(invalid(format!(
                "push_cache_time is {given:?}; it must not be longer than {most:?}"
            )));
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

    /// Returns the interval that is really kept between polls.
    pub fn effective_poll_interval(&self) -> Duration {
        self.stale_after
            .map_or(self.status_poll_interval, |stale_after| self.status_poll_interval.min(stale_after))
    }
}

fn duration(name: &str, value: Duration, min: Duration) -> Result<()> {
    if (min..=MAX_DURATION).contains(&value) {
        return Ok(());
    }
    Err(invalid(format!("{name} is {value:?}; it must lie between {min:?} and a year")))
}

fn number(name: &str, value: usize, min: usize, max: usize) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(invalid(format!("{name} is {value}; it must lie between {min} and {max}")))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}
