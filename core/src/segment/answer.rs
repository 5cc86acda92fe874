//! The results of an evaluation.

use serde::Serialize;
use serde_json::Value;

use super::decision::Decision;
use super::reason::{EvaluationErrorKind, Reason};
use crate::membership::LookupStatus;

/// The value that a flag serves for a context, and why.
///
/// It serialises with field names in `camelCase`, and without fields that are `None`; so do its
/// parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Evaluation {
    /// The value of the variation, or the caller's default.
    pub value: Value,
    /// The index of the variation; `None` when the value is the caller's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variation: Option<usize>,
    /// Why this value is served.
    pub reason: Reason,
    /// What each big segment decided, in the order in which rules first referred to them.
    pub decisions: Vec<Decision>,
}

/// Whether a context is in a segment, and why.
///
/// It serialises with field names in `camelCase`, and without fields that are `None`; so do its
/// parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SegmentAnswer {
    /// Whether the context is in the segment; `false` when `error_kind` is set.
    pub is_match: bool,
    /// Why the segment could not be evaluated; `None` when it was evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<EvaluationErrorKind>,
    /// The worst status of all lookups, including those that could not be made; `None` when none
    /// was needed (docs/spec.md#status-in-the-reason).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<LookupStatus>,
    /// What this segment decided, then each big segment that its rules refer to, in the order of
    /// first reference.
    pub decisions: Vec<Decision>,
}

impl Evaluation {
    /// Returns the evaluation of a flag that cannot be evaluated: it serves the caller's default.
    pub fn failed(kind: EvaluationErrorKind, default: &Value) -> Self {
        Self { value: default.clone(), variation: None, reason: Reason::error(kind), decisions: Vec::new() }
    }
}

impl SegmentAnswer {
    /// Returns the answer for a segment that cannot be evaluated: the context is not in it.
    pub fn failed(kind: EvaluationErrorKind) -> Self {
        Self { is_match: false, error_kind: Some(kind), status: None, decisions: Vec::new() }
    }
}
