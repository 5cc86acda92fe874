//! Evaluates segments and flags for a context (docs/spec.md#evaluation). It is pure and
//! synchronous, and can be resumed.
//!
//! The crate `launchdarkly-server-sdk-evaluation` (called `ld` here) evaluates rules, clauses,
//! operators and rollouts. It does not support big segments, so this module resolves them around
//! it:
//!
//! - `payload.rs` reads the service's JSON, as leniently as the SDKs do.
//! - `data_set.rs` holds flags and segments; `variants.rs` holds the models of a segment that
//!   evaluation substitutes.
//! - `evaluation_store.rs` implements the evaluation crate's `Store` for one evaluation.
//! - `evaluate.rs` runs one evaluation. The result is an answer, or the one membership that is
//!   needed next.
//!
//! Without the feature `segment`, the module has only the types that describe results.

mod answer;
mod classify;
#[cfg(feature = "segment")]
mod context;
#[cfg(feature = "segment")]
mod data_set;
mod decision;
#[cfg(feature = "segment")]
mod evaluate;
#[cfg(feature = "segment")]
mod evaluation_store;
#[cfg(feature = "segment")]
mod memo;
#[cfg(feature = "segment")]
mod payload;
mod reason;
#[cfg(feature = "segment")]
mod reference_depth;
#[cfg(feature = "segment")]
mod variants;

pub use answer::{Evaluation, SegmentAnswer};
pub use classify::{BIG_SEGMENT_ENTRIES, SegmentKind, classify};
#[cfg(feature = "segment")]
pub use context::Context;
#[cfg(feature = "segment")]
pub use data_set::{DataSet, MAX_REFERENCE_DEPTH};
pub use decision::{Decider, Decision};
#[cfg(feature = "segment")]
pub use evaluate::{Step, evaluate_flag, evaluate_segment};
#[cfg(feature = "segment")]
pub use memo::{Lookup, Memo};
pub use reason::{EvaluationErrorKind, Reason, ReasonKind};
