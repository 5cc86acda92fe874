//! The status of the store, as a JavaScript object.

use bigseg::StoreStatus;
use napi_derive::napi;

/// See the core's `StoreStatus`; times are Unix milliseconds.
#[napi(object, object_from_js = false)]
pub struct NativeStatus {
    /// Whether the store is available.
    pub available: bool,
    /// Whether the sync time is too old.
    pub stale: bool,
    /// When the store was last up to date.
    pub last_up_to_date: Option<i64>,
    /// The last failure.
    pub last_error: Option<NativeLastError>,
    /// When `available` or `stale` last changed.
    pub since: i64,
    /// Whether the sync time is in the future.
    pub clock_skew: bool,
    /// Whether push invalidation is active.
    pub push_invalidation: bool,
    /// The disabled features.
    pub limitations: Vec<NativeLimitation>,
}

/// See the core's `LastError`.
#[napi(object, object_from_js = false)]
pub struct NativeLastError {
    /// The name of its kind.
    pub kind: String,
    /// The message for a person.
    pub message: String,
    /// When it happened.
    pub at: i64,
}

/// See the core's `Limitation`.
#[napi(object, object_from_js = false)]
pub struct NativeLimitation {
    /// The disabled feature.
    pub feature: String,
    /// The reason.
    pub reason: String,
}

impl From<StoreStatus> for NativeStatus {
    fn from(status: StoreStatus) -> Self {
        let limitations = status.limitations.into_iter().map(|limitation| NativeLimitation {
            feature: limitation.feature.to_string(),
            reason: limitation.reason,
        });
        Self {
            available: status.available,
            stale: status.stale,
            last_up_to_date: status.last_up_to_date,
            last_error: status.last_error.map(|error| NativeLastError {
                kind: error.kind.name().to_owned(),
                message: error.message,
                at: error.at,
            }),
            since: status.since,
            clock_skew: status.clock_skew,
            push_invalidation: status.push_invalidation,
            limitations: limitations.collect(),
        }
    }
}
