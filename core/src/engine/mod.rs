//! The engine: looks up memberships, and evaluates flags and segments.
//!
//! `handle.rs` has the [`Engine`], `request.rs` its requests and the ways to get their answers.
//! `lookup.rs` goes from a hash to an answer, `fetch.rs` queries the store for all waiting callers,
//! `invalidation.rs` removes what the store reports as changed. `evaluation.rs` goes on from
//! memberships to segments and flags, whose data `data.rs` holds. `l1.rs` serves first-level caches
//! above the engine.

mod answer;
mod config;
#[cfg(feature = "segment")]
mod data;
#[cfg(feature = "segment")]
mod evaluation;
mod evaluator;
mod fetch;
mod freshness;
mod handle;
mod invalidation;
mod l1;
mod lookup;
mod open;
mod request;

pub use answer::{Answer, Leased, Origin};
pub use config::{
    EngineConfig, MAX_BATCH_SIZE, MAX_BATCHES_AT_ONCE, MAX_CACHE_SIZE, MAX_DURATION, PushInvalidation, Source,
};
#[cfg(feature = "segment")]
pub use data::MAX_DATA_BYTES;
#[cfg(feature = "segment")]
pub use evaluation::{Explanation, FlagQuery, SegmentQuery};
pub use handle::Engine;
pub use request::{LeasedRequest, MembershipQuery, MembershipsQuery, Request, RequestFuture};
