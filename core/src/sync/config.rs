use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::upstream::Upstream;
use crate::clock::Clock;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;
use crate::store::{StoreConfig, StoreWriter};

/// Receives the changes that a worker writes, in the same process: for example an engine, which
/// removes them from its cache.
///
/// Called on the worker's threads, one call at a time, after the store has the change. The worker
/// waits for the call, so it must not block.
pub trait SyncObserver: Send + Sync + 'static {
    /// Called when the memberships of these contexts in that segment may have changed. A call may
    /// name a context twice, and a large patch takes several calls.
    fn contexts_changed(&self, segment: &SegmentRef, contexts: &[ContextHash]);

    /// Called when the store's sync time has changed.
    fn sync_time_changed(&self) {}
}

/// Configuration of a [`SyncWorker`](super::SyncWorker).
#[derive(Clone)]
pub struct SyncConfig {
    /// The source of patches.
    pub upstream: Upstream,
    /// The store that patches are applied to.
    pub writer: Arc<dyn StoreWriter>,
    /// Receivers of changes in this process, such as an engine's
    /// [`sync_observer`](crate::Engine::sync_observer). Default: none.
    pub observers: Vec<Arc<dyn SyncObserver>>,
    /// Interval at which the sync time is refreshed while the store is in sync.
    /// Default: [30 s](Self::DEFAULT_SYNC_MARKER_INTERVAL).
    pub sync_marker_interval: Duration,
    /// Timeout of an HTTP response, and then of each kilobyte of its body.
    /// Default: [30 s](Self::DEFAULT_RESPONSE_TIMEOUT).
    pub response_timeout: Duration,
    /// Timeout of a stream that delivers no bytes, not even a keep-alive comment.
    /// Default: [5 min](Self::DEFAULT_STREAM_IDLE_TIMEOUT).
    pub stream_idle_timeout: Duration,
    /// Backoff after the first failure. It doubles with each further one, and each delay lies at
    /// random between half of it and all of it. Default: [1 s](Self::DEFAULT_MIN_BACKOFF).
    pub min_backoff: Duration,
    /// Longest backoff. Default: [60 s](Self::DEFAULT_MAX_BACKOFF).
    pub max_backoff: Duration,
    /// Backoff after the upstream refused the SDK key (401, 403, 404); a new key ends it at once.
    /// Default: [5 min](Self::DEFAULT_REFUSED_BACKOFF).
    pub refused_backoff: Duration,
    /// Source of the time. Default: the machine's clocks.
    pub clock: Clock,
}

impl SyncConfig {
    /// Default of [`sync_marker_interval`](Self::sync_marker_interval).
    pub const DEFAULT_SYNC_MARKER_INTERVAL: Duration = Duration::from_secs(30);
    /// Default of [`response_timeout`](Self::response_timeout).
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
    /// Default of [`stream_idle_timeout`](Self::stream_idle_timeout).
    pub const DEFAULT_STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
    /// Default of [`min_backoff`](Self::min_backoff).
    pub const DEFAULT_MIN_BACKOFF: Duration = Duration::from_secs(1);
    /// Default of [`max_backoff`](Self::max_backoff).
    pub const DEFAULT_MAX_BACKOFF: Duration = Duration::from_secs(60);
    /// Default of [`refused_backoff`](Self::refused_backoff).
    pub const DEFAULT_REFUSED_BACKOFF: Duration = Duration::from_secs(300);

    /// Opens the write side of `store`, creating an embedded store if it does not exist; every
    /// other option has its default.
    ///
    /// # Errors
    /// The errors of [`StoreConfig::writer`].
    pub fn new(upstream: Upstream, store: &StoreConfig) -> Result<Self> {
        Ok(Self::with_writer(upstream, store.writer()?))
    }

    /// Uses an open writer; every other option has its default.
    pub fn with_writer(upstream: Upstream, writer: Arc<dyn StoreWriter>) -> Self {
        Self {
            upstream,
            writer,
            observers: Vec::new(),
            sync_marker_interval: Self::DEFAULT_SYNC_MARKER_INTERVAL,
            response_timeout: Self::DEFAULT_RESPONSE_TIMEOUT,
            stream_idle_timeout: Self::DEFAULT_STREAM_IDLE_TIMEOUT,
            min_backoff: Self::DEFAULT_MIN_BACKOFF,
            max_backoff: Self::DEFAULT_MAX_BACKOFF,
            refused_backoff: Self::DEFAULT_REFUSED_BACKOFF,
            clock: Clock::System,
        }
    }

    /// Checks everything that needs no connection.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`].
    pub(super) fn validate(&self) -> Result<()> {
        let durations = [
            ("sync_marker_interval", self.sync_marker_interval),
            ("response_timeout", self.response_timeout),
            ("stream_idle_timeout", self.stream_idle_timeout),
            ("min_backoff", self.min_backoff),
            ("max_backoff", self.max_backoff),
            ("refused_backoff", self.refused_backoff),
        ];
        for (name, duration) in durations {
            if duration.is_zero() {
                let message = format!("{name} must be greater than zero");
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
        }
        self.upstream.poll_endpoint()?;
        self.upstream.stream_endpoint()?;
        Ok(())
    }
}

impl fmt::Debug for SyncConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncConfig").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}
