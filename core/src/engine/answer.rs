use std::time::Duration;

use crate::error::Error;
use crate::membership::{LookupStatus, Membership};

/// The answer to a lookup of one context.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The segments that include or exclude the context; empty when nothing is known.
    pub membership: Membership,
    /// How far the membership can be trusted.
    pub status: LookupStatus,
    /// Where the membership comes from.
    pub origin: Origin,
    /// Why the store did not answer; `None` when it did, or was not queried.
    pub error: Option<Error>,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The store, just now.
    Store,
    /// The cache; the entry was still fresh.
    Cache {
        /// How long ago the store returned the membership.
        age: Duration,
    },
    /// The cache; the entry had expired, but the store failed.
    LastKnown {
        /// How long ago the store returned the membership.
        age: Duration,
    },
    /// No store is configured, or it failed and no last known answer exists. The membership is
    /// empty.
    Nothing,
}

impl Origin {
    /// Returns how long ago the store returned the membership. Zero when that was just now, or when
    /// nothing is known.
    pub fn age(&self) -> Duration {
        match *self {
            Self::Cache { age } | Self::LastKnown { age } => age,
            Self::Store | Self::Nothing => Duration::ZERO,
        }
    }
}

impl Answer {
    /// The answer of an engine without a store.
    pub(super) fn not_configured() -> Self {
        Self {
            membership: Membership::empty(),
            status: LookupStatus::NotConfigured,
            origin: Origin::Nothing,
            error: None,
        }
    }

    /// Returns `Some(true)` when the segment includes the context, `Some(false)` when it excludes
    /// it, and `None` when there is no value; see [`Membership::check`].
    pub fn check(&self, segment_ref: &str) -> Option<bool> {
        self.membership.check(segment_ref)
    }
}

/// An answer that may be used again for a while; see [`Request::leased`](super::Request::leased).
#[derive(Debug, Clone)]
pub struct Leased<T> {
    /// The answer.
    pub answer: T,
    /// How long the answer holds, unless the epoch differs from the one read before the request.
    pub valid_for: Duration,
}
