use std::time::Duration;

use crate::error::ErrorKind;
use crate::store::Limitation;

/// The default time after its last synchronization when a store becomes stale
/// (docs/spec.md#store-status).
pub const DEFAULT_STALE_AFTER: Duration = Duration::from_secs(120);

/// The status of a store as the engine last observed it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStatus {
    /// Whether the last poll, and every query since, succeeded. `false` until the first poll is
    /// done.
    pub available: bool,
    /// Whether the store was not synchronized for too long. Keeps its last value while the store is
    /// unavailable.
    pub stale: bool,
    /// When the store was last up to date, in Unix milliseconds; `None` = never, or not known yet.
    pub last_up_to_date: Option<i64>,
    /// The last failure, also when the store has recovered.
    pub last_error: Option<LastError>,
    /// When `available` or `stale` last changed, in Unix milliseconds.
    pub since: i64,
    /// Whether `last_up_to_date` lies in the future: this machine's clock, or the writer's, is
    /// wrong.
    pub clock_skew: bool,
    /// Whether the store pushes each change. Otherwise cached answers expire after the cache time.
    /// A change of this field or of `limitations` does not call listeners.
    pub push_invalidation: bool,
    /// Optional features of the store that are disabled because the store denied them.
    pub limitations: Vec<Limitation>,
}

impl StoreStatus {
    /// Returns whether the two are the same to a listener.
    pub(super) fn same_state(&self, other: &Self) -> bool {
        (self.available, self.stale, self.clock_skew) == (other.available, other.stale, other.clock_skew)
    }
}

/// The record of a store's last failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastError {
    /// What failed.
    pub kind: ErrorKind,
    /// The message for a person.
    pub message: String,
    /// When it happened, in Unix milliseconds.
    pub at: i64,
}
