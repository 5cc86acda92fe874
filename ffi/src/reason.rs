//! Reasons
//!
//! A reason says why a flag serves its value, in the format of the SDKs.

use bigseg::segment::{EvaluationErrorKind, Reason, ReasonKind};

use crate::lookup::bigseg_lookup_status;
use crate::sized::SizedStruct;
use crate::text::bigseg_str;

/// The main reason for the result of an evaluation.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_reason_kind {
    /// The flag is off.
    BIGSEG_REASON_OFF = 0,
    /// The flag is on, and neither its targets nor its rules match the context.
    BIGSEG_REASON_FALLTHROUGH = 1,
    /// A target of the flag lists the context.
    BIGSEG_REASON_TARGET_MATCH = 2,
    /// A rule of the flag matches.
    BIGSEG_REASON_RULE_MATCH = 3,
    /// A prerequisite flag does not serve the required variation.
    BIGSEG_REASON_PREREQUISITE_FAILED = 4,
    /// The flag does not exist or cannot be evaluated, or there are no data.
    BIGSEG_REASON_ERROR = 5,
}

/// Why an evaluation failed.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_evaluation_error {
    /// The evaluation did not fail.
    BIGSEG_EVALUATION_NO_ERROR = 0,
    /// The engine has no flags and segments yet.
    BIGSEG_EVALUATION_CLIENT_NOT_READY = 1,
    /// No flag has that key.
    BIGSEG_EVALUATION_FLAG_NOT_FOUND = 2,
    /// No segment has that key. Only the evaluation of a segment fails with this: in a rule, a
    /// missing segment does not match.
    BIGSEG_EVALUATION_SEGMENT_NOT_FOUND = 3,
    /// The flag or segment, or one that it refers to, is inconsistent: it refers to itself or to a
    /// missing variation, or the chain of references is too long.
    BIGSEG_EVALUATION_MALFORMED_FLAG = 4,
}

impl bigseg_evaluation_error {
    pub(crate) fn of(kind: Option<EvaluationErrorKind>) -> Self {
        match kind {
            None => Self::BIGSEG_EVALUATION_NO_ERROR,
            Some(EvaluationErrorKind::ClientNotReady) => Self::BIGSEG_EVALUATION_CLIENT_NOT_READY,
            Some(EvaluationErrorKind::FlagNotFound) => Self::BIGSEG_EVALUATION_FLAG_NOT_FOUND,
            Some(EvaluationErrorKind::SegmentNotFound) => Self::BIGSEG_EVALUATION_SEGMENT_NOT_FOUND,
            Some(EvaluationErrorKind::MalformedFlag) => Self::BIGSEG_EVALUATION_MALFORMED_FLAG,
        }
    }
}

/// Why a flag serves its value. Texts are borrowed from the evaluation.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_reason {
    /// `sizeof(bigseg_reason)`, set by the caller.
    pub struct_size: usize,
    /// The main reason.
    pub kind: bigseg_reason_kind,
    /// Why the evaluation failed, if `kind` is `BIGSEG_REASON_ERROR`.
    pub error: bigseg_evaluation_error,
    /// The index of the rule that matched, if `kind` is `BIGSEG_REASON_RULE_MATCH`; otherwise -1.
    pub rule_index: i64,
    /// The identifier of that rule; empty if it has none.
    pub rule_id: bigseg_str,
    /// The key of the prerequisite flag, if `kind` is `BIGSEG_REASON_PREREQUISITE_FAILED`;
    /// otherwise empty.
    pub prerequisite_key: bigseg_str,
    /// Whether the context is part of an experiment.
    pub in_experiment: bool,
    /// Whether a lookup was needed.
    pub has_big_segments_status: bool,
    /// The worst status of all lookups; `BIGSEG_LOOKUP_HEALTHY` if none was needed.
    pub big_segments_status: bigseg_lookup_status,
}

// SAFETY: the size comes first, and zeros are valid in all other fields: each enum has a 0, and
// text may be NULL and 0.
unsafe impl SizedStruct for bigseg_reason {
    const FIRST_SIZE: usize = size_of::<Self>();
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<bigseg_reason>() == 64);

impl bigseg_reason {
    /// Converts a reason of core; texts are borrowed from it.
    pub(crate) fn of(reason: &Reason) -> Self {
        let kind = match reason.kind {
            ReasonKind::Off => bigseg_reason_kind::BIGSEG_REASON_OFF,
            ReasonKind::Fallthrough => bigseg_reason_kind::BIGSEG_REASON_FALLTHROUGH,
            ReasonKind::TargetMatch => bigseg_reason_kind::BIGSEG_REASON_TARGET_MATCH,
            ReasonKind::RuleMatch => bigseg_reason_kind::BIGSEG_REASON_RULE_MATCH,
            ReasonKind::PrerequisiteFailed => bigseg_reason_kind::BIGSEG_REASON_PREREQUISITE_FAILED,
            ReasonKind::Error => bigseg_reason_kind::BIGSEG_REASON_ERROR,
        };
        let text = |text: &Option<String>| bigseg_str::of(text.as_deref().unwrap_or(""));
        let status = reason.big_segments_status;
        Self {
            struct_size: size_of::<Self>(),
            kind,
            error: bigseg_evaluation_error::of(reason.error_kind),
            rule_index: reason.rule_index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1),
            rule_id: text(&reason.rule_id),
            prerequisite_key: text(&reason.prerequisite_key),
            in_experiment: reason.in_experiment,
            has_big_segments_status: status.is_some(),
            big_segments_status: bigseg_lookup_status::of(status.unwrap_or(bigseg::LookupStatus::Healthy)),
        }
    }
}
