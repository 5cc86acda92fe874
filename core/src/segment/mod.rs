//! Evaluating segments and flags for a context (docs/spec.md#evaluation): pure, synchronous, and resumable.
//!
//! Rules, clauses, operators and rollouts are evaluated by the official crate, which knows nothing of big segments; we
//! resolve those around it. `payload.rs` reads the service's JSON as leniently as SDKs do, `data_set.rs` keeps it in the
//! forms that evaluation asks for, `evaluation_store.rs` hands them to the official crate, and `evaluate.rs` is the door: it
//! is done, or it names the one membership it needs next.

mod classify;
mod context;
mod data_set;
mod decision;
mod evaluate;
mod evaluation_store;
mod payload;
mod reason;
mod reference_depth;

pub use classify::{BIG_SEGMENT_ENTRIES, SegmentKind, classify};
pub use context::Context;
pub use data_set::{DataSet, MAX_CHAIN};
pub use decision::{Decider, Decision};
pub use evaluate::{Evaluation, Lookup, Memo, SegmentAnswer, Step, evaluate_flag, evaluate_segment};
pub use reason::{EvaluationErrorKind, Reason, ReasonKind};
