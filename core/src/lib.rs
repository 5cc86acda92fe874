//! Looks up and evaluates LaunchDarkly big segments, and keeps their stores synchronized.
//!
//! A *big segment* is a list of contexts that is too long for the payload of flags and segments.
//! Its memberships are in a store: Redis, DynamoDB, a local file, memory, or a store that the
//! application implements. An [`Engine`] looks them up with a cache, coalesced queries, a circuit
//! breaker and push invalidation. The status of each [`Answer`] shows how far it can be trusted.
//!
//! ```
//! use bigseg::{Engine, EngineConfig, LookupStatus};
//!
//! let engine = Engine::open(EngineConfig::new("memory:")?)?; // or "redis://localhost:6379", "dynamodb://my-table"
//! let answer = engine.membership("user-key").wait()?; // or `.await`
//! match answer.check("beta.g3") {
//!     Some(true) => println!("included"),
//!     Some(false) => println!("excluded"),
//!     None => println!("the rules of the segment decide"),
//! }
//! // Failures of the store are in the answer: this store exists, but was never synchronized.
//! assert_eq!(answer.status, LookupStatus::Stale);
//! engine.close().wait();
//! # Ok::<(), bigseg::Error>(())
//! ```
//!
//! - [`engine`]: lookups and evaluations. A [`Request`](engine::Request) has the ways to get an
//!   answer.
//! - [`store`]: the stores, and the traits to implement another one.
//! - `segment`: evaluation of segments and flags as pure functions.
//! - [`import`]: loads lists of contexts into a store.
//! - `sync`: a worker that keeps a store synchronized with its upstream.
//! - `integration`: workers that are configured in a file, each with a status and an error log.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `redis` | stores `redis://`, `rediss://`, Redis Cluster and Sentinel |
//! | `dynamodb` | stores `dynamodb://` |
//! | `segment` | evaluation of segments and flags |
//! | `sync` | the sync worker |
//! | `integration` | integrations; implies `sync` |
//! | `testkit` | fault-injecting stores and servers, for tests |
//!
//! All but `testkit` are on by default. The local and the memory store are always present.

// The modules are listed in layers, from the lowest to the highest. Each imports only from modules
// above it in this list; tests/house/layers.rs checks that.

#![warn(missing_docs)]
// docs.rs shows which feature each item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

// 0: time, errors, the runtime
mod backoff;
pub mod clock;
mod epoch;
pub mod error;
pub mod metrics;
mod runtime;
mod shared_attempt;
mod tasks;
// 1: identifiers
pub mod context_key;
pub mod segment_ref;
// 2: memberships and patches
pub mod membership;
pub mod patch;
// 2: segments and flags, pure and synchronous
pub mod segment;
// 3: stores
pub mod store;
// 4: lookups on a reader
mod breaker;
mod cache;
mod coalesce;
pub mod status;
// 5: writers of stores
pub mod import;
#[cfg(feature = "sync")]
pub mod sync;
// 6: workers from a configuration file
#[cfg(feature = "integration")]
pub mod integration;
// 7: the engine
pub mod engine;
// outside the layers: for the other crates of this repository, and for tests
#[doc(hidden)]
pub mod __internal;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use clock::{Clock, ManualClock};
pub use context_key::{ContextHash, ContextId, ContextKey};
pub use engine::{Answer, Engine, EngineConfig, Origin};
pub use epoch::Epoch;
pub use error::{Error, ErrorKind, Result};
pub use membership::{LookupStatus, Membership};
pub use metrics::Metrics;
pub use runtime::{BoxFuture, Operation};
#[cfg(feature = "segment")]
pub use segment::Context;
pub use segment_ref::SegmentRef;
pub use status::StoreStatus;
pub use store::StoreConfig;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
