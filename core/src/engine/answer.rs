use std::time::Duration;

use crate::error::Error;
use crate::membership::{LookupStatus, Membership};

/// What the engine says about one context.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The segments the context is in and out of; empty when nothing is known.
    pub membership: Membership,
    /// How far it can be trusted.
    pub status: LookupStatus,
    /// Where the membership comes from.
    pub origin: Origin,
    /// Why the store was not heard, when it was not.
    pub error: Option<Error>,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The store, just now.
    Store,
    /// The cache, younger than the cache time.
    Cache {
        /// How long ago the store said it.
        age: Duration,
    },
    /// The cache, older than the cache time, because the store failed.
    LastKnown {
        /// How long ago the store said it.
        age: Duration,
    },
    /// Nowhere: no store is configured, or it failed and nothing is remembered. The membership is empty.
    Nothing,
}

impl Origin {
    /// Returns how long ago the store said it: zero when it was just now, or when nothing is known.
    pub fn age(&self) -> Duration {
        match *self {
            Self::Cache { age } | Self::LastKnown { age } => age,
            Self::Store | Self::Nothing => Duration::ZERO,
        }
    }
}

impl Answer {
    /// Returns `Some(true)` when included, `Some(false)` when excluded, `None` when there is no value; see
    /// [`Membership::check`].
    pub fn check(&self, segment_ref: &str) -> Option<bool> {
        self.membership.check(segment_ref)
    }
}
