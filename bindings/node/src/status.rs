//! The store's status and the engine's metrics, as objects of JavaScript's.

use bigseg_core::StoreStatus;
use napi_derive::napi;

/// See the core's `StoreStatus`; times are Unix milliseconds.
#[napi(object, object_from_js = false)]
pub struct NativeStatus {
    /// Whether the store answers.
    pub available: bool,
    /// Whether nothing keeps it up to date.
    pub stale: bool,
    /// When it was last up to date.
    pub last_up_to_date: Option<i64>,
    /// The last failure.
    pub last_error: Option<NativeLastError>,
    /// Since when it is as it is.
    pub since: i64,
    /// Whether a clock is wrong.
    pub clock_skew: bool,
    /// Whether the store tells of changes as they happen.
    pub push_invalidation: bool,
    /// What the store is doing without.
    pub limitations: Vec<NativeLimitation>,
}

/// See the core's `LastError`.
#[napi(object, object_from_js = false)]
pub struct NativeLastError {
    /// The name of its kind.
    pub kind: String,
    /// The sentence for a person.
    pub message: String,
    /// When.
    pub at: i64,
}

/// See the core's `Limitation`.
#[napi(object, object_from_js = false)]
pub struct NativeLimitation {
    /// What is missing.
    pub feature: String,
    /// Why.
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
