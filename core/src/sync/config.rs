use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::upstream::Upstream;
use crate::clock::Clock;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;
use crate::store::{StoreConfig, StoreWriter};

/// Hears in the same process what a worker writes: an engine, to forget what it has cached, or a program that wants to
/// know of changes.
///
/// Called on the worker's threads, one call at a time, after the store has the change; must not block, for the worker waits.
pub trait SyncObserver: Send + Sync + 'static {
    /// The memberships of these contexts in that segment may have changed. A context may be named twice, and a large patch
    /// comes in several calls.
    fn contexts_changed(&self, segment: &SegmentRef, contexts: &[ContextHash]);

    /// The store's sync time has changed.
    fn sync_time_changed(&self) {}
}

/// What a worker needs to know.
#[derive(Clone)]
pub struct SyncConfig {
    /// Where patches come from.
    pub upstream: Upstream,
    /// Where they go.
    pub writer: Arc<dyn StoreWriter>,
    /// Who hears of it in this process, such as an engine's
    /// [`sync_observer`](crate::Engine::sync_observer). Default: nobody.
    pub observers: Vec<Arc<dyn SyncObserver>>,
    /// How often the sync time is refreshed while in sync. Default: [30 s](Self::DEFAULT_HEARTBEAT_INTERVAL).
    pub heartbeat_interval: Duration,
    /// How long an answer may be waited for, and then for each kilobyte of it. Default: [30 s](Self::DEFAULT_RESPONSE_TIMEOUT).
    pub response_timeout: Duration,
    /// How long a stream may say nothing, not even that it is alive, before it counts as dead.
    /// Default: [5 min](Self::DEFAULT_SILENCE_LIMIT).
    pub silence_limit: Duration,
    /// The pause after a first failure; each further one doubles it, and half of it is left to chance.
    /// Default: [1 s](Self::DEFAULT_RETRY_FIRST).
    pub retry_first: Duration,
    /// What the pause grows to. Default: [60 s](Self::DEFAULT_RETRY_LONGEST).
    pub retry_longest: Duration,
    /// The pause after the upstream refused the key (401, 403, 404); a new key ends it at once.
    /// Default: [5 min](Self::DEFAULT_RETRY_REFUSED).
    pub retry_refused: Duration,
    /// What time it is. Default: the machine's clocks.
    pub clock: Clock,
}

impl SyncConfig {
    /// Default of [`heartbeat_interval`](Self::heartbeat_interval).
    pub const DEFAULT_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);
    /// Default of [`response_timeout`](Self::response_timeout).
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
    /// Default of [`silence_limit`](Self::silence_limit).
    pub const DEFAULT_SILENCE_LIMIT: Duration = Duration::from_secs(300);
    /// Default of [`retry_first`](Self::retry_first).
    pub const DEFAULT_RETRY_FIRST: Duration = Duration::from_secs(1);
    /// Default of [`retry_longest`](Self::retry_longest).
    pub const DEFAULT_RETRY_LONGEST: Duration = Duration::from_secs(60);
    /// Default of [`retry_refused`](Self::retry_refused).
    pub const DEFAULT_RETRY_REFUSED: Duration = Duration::from_secs(300);

    /// Opens the store's write side, creating an embedded store if there is none; all else has its default.
    ///
    /// # Errors
    /// Whatever keeps the store from being written; see [`StoreConfig::writer`].
    pub fn new(upstream: Upstream, store: &StoreConfig) -> Result<Self> {
        Ok(Self::with_writer(upstream, store.writer()?))
    }

    /// Takes a writer that is open; all else has its default.
    pub fn with_writer(upstream: Upstream, writer: Arc<dyn StoreWriter>) -> Self {
        Self {
            upstream,
            writer,
            observers: Vec::new(),
            heartbeat_interval: Self::DEFAULT_HEARTBEAT_INTERVAL,
            response_timeout: Self::DEFAULT_RESPONSE_TIMEOUT,
            silence_limit: Self::DEFAULT_SILENCE_LIMIT,
            retry_first: Self::DEFAULT_RETRY_FIRST,
            retry_longest: Self::DEFAULT_RETRY_LONGEST,
            retry_refused: Self::DEFAULT_RETRY_REFUSED,
            clock: Clock::System,
        }
    }

    /// Checks all that can be checked without asking anybody.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`].
    pub(super) fn validate(&self) -> Result<()> {
        let durations = [
            ("heartbeat_interval", self.heartbeat_interval),
            ("response_timeout", self.response_timeout),
            ("silence_limit", self.silence_limit),
            ("retry_first", self.retry_first),
            ("retry_longest", self.retry_longest),
            ("retry_refused", self.retry_refused),
        ];
        for (name, duration) in durations {
            if duration.is_zero() {
                return Err(Error::new(
                    ErrorKind::InvalidConfig,
                    format!("{name} must be more than nothing"),
                ));
            }
        }
        self.upstream.page_url()?;
        self.upstream.event_url()?;
        Ok(())
    }
}

impl fmt::Debug for SyncConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncConfig").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}
