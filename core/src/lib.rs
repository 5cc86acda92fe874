//! The Big Segments engine: a context key goes in, a membership and an honest status come out; and beside it,
//! lists and patches go in and a store that every SDK can read comes out.
//!
//! The modules are listed from the ground up; each imports only from those above it in this list, and
//! `tests/house/layers.rs` holds them to it.

#![warn(missing_docs)]

// 0: ground
pub mod backoff;
pub mod clock;
pub mod epoch;
pub mod error;
pub mod metrics;
pub mod runtime;
pub mod shared_attempt;
pub mod tasks;
// 1: words
pub mod context_key;
pub mod segment_ref;
// 2: words made of words
pub mod membership;
pub mod patch;
// 2: segments and flags, pure and synchronous
pub mod segment;
// 3: stores
pub mod store;
// 4: watching a reader
pub mod breaker;
pub mod cache;
pub mod coalesce;
pub mod status;
// 5: filling a writer
pub mod import;
#[cfg(feature = "sync")]
pub mod sync;
// 6: managed
#[cfg(feature = "integration")]
pub mod integration;
// 7: front door
pub mod engine;
// beside it all: for tests
#[cfg(feature = "testkit")]
pub mod testkit;

pub use clock::{Clock, ManualClock};
pub use context_key::{ContextHash, ContextId, ContextKey};
pub use engine::{Answer, Engine, EngineConfig, Origin};
pub use epoch::Epoch;
pub use error::{Error, ErrorKind, Result};
pub use membership::{LookupStatus, Membership};
pub use metrics::Metrics;
#[cfg(feature = "segment")]
pub use segment::Context;
pub use segment_ref::SegmentRef;
pub use status::StoreStatus;
pub use store::StoreConfig;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
