//! Evaluates segments and flags for a context (docs/spec.md#evaluation). It is pure and synchronous, and can be resumed.
//!
//! The crate `launchdarkly-server-sdk-evaluation` (called `ld` here) evaluates rules, clauses, operators and rollouts. It
//! does not support big segments, so this module resolves them around it:
//!
//! - `payload.rs` reads the service's JSON, as leniently as the SDKs do.
//! - `data_set.rs` holds flags and segments; `variants.rs` holds the models of a segment that evaluation substitutes.
//! - `evaluation_store.rs` implements the evaluation crate's `Store` for one evaluation.
//! - `evaluate.rs` runs one evaluation. The result is an answer, or the one membership that is needed next.

mod classify;
mod context;
mod data_set;
mod decision;
mod evaluate;
mod evaluation_store;
mod memo;
mod payload;
mod reason;
mod reference_depth;
mod variants;

pub use classify::{BIG_SEGMENT_ENTRIES, SegmentKind, classify};
pub use context::Context;
pub use data_set::{DataSet, MAX_REFERENCE_DEPTH};
pub use decision::{Decider, Decision};
pub use evaluate::{Evaluation, SegmentAnswer, Step, evaluate_flag, evaluate_segment};
pub use memo::{Lookup, Memo};
pub use reason::{EvaluationErrorKind, Reason, ReasonKind};
