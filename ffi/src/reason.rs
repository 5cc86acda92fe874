//! Reasons
//!
//! Why a flag serves what it serves, in the words of the SDKs.

use bigseg_core::segment::{EvaluationErrorKind, Reason, ReasonKind};

use crate::lookup::bigseg_lookup_status;
use crate::sized::SizedStruct;
use crate::text::bigseg_str;

/// The main thing that decided an evaluation.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_reason_kind {
    /// The flag is off.
    BIGSEG_REASON_OFF = 0,
    /// The flag is on, and nothing in it is about this context.
    BIGSEG_REASON_FALLTHROUGH = 1,
    /// The flag names the context.
    BIGSEG_REASON_TARGET_MATCH = 2,
    /// A rule of the flag matches.
    BIGSEG_REASON_RULE_MATCH = 3,
    /// A prerequisite flag does not serve what it must.
    BIGSEG_REASON_PREREQUISITE_FAILED = 4,
    /// There was nothing to evaluate, or it cannot be evaluated.
    BIGSEG_REASON_ERROR = 5,
}

/// What kept an evaluation from being one.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_evaluation_error {
    /// Nothing did.
    BIGSEG_EVALUATION_NO_ERROR = 0,
    /// There are no data yet.
    BIGSEG_EVALUATION_CLIENT_NOT_READY = 1,
    /// There is no such flag.
    BIGSEG_EVALUATION_FLAG_NOT_FOUND = 2,
    /// There is no such segment (in a question about a segment; flags take it for one that does not match).
    BIGSEG_EVALUATION_SEGMENT_NOT_FOUND = 3,
    /// The flag or segment, or one it refers to, contradicts itself: a circle, a variation that is not there.
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

/// Why a flag serves what it serves. Texts are borrowed from the evaluation.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_reason {
    /// `sizeof(bigseg_reason)`, set by the caller.
    pub struct_size: usize,
    /// The main thing that decided.
    pub kind: bigseg_reason_kind,
    /// What went wrong, if `kind` is `BIGSEG_REASON_ERROR`.
    pub error: bigseg_evaluation_error,
    /// The index of the flag's rule, if `kind` is `BIGSEG_REASON_RULE_MATCH`; otherwise -1.
    pub rule_index: i64,
    /// That rule's identifier; empty if it has none.
    pub rule_id: bigseg_str,
    /// The flag that failed, if `kind` is `BIGSEG_REASON_PREREQUISITE_FAILED`; otherwise empty.
    pub prerequisite_key: bigseg_str,
    /// Whether the context takes part in an experiment.
    pub in_experiment: bool,
    /// Whether any lookup was attempted or refused.
    pub has_big_segments_status: bool,
    /// The worst status of these lookups; `BIGSEG_LOOKUP_HEALTHY` if there were none.
    pub big_segments_status: bigseg_lookup_status,
}

// SAFETY: it begins with its size, and zeros are valid in all other fields: each enum has a 0, and text is plain.
unsafe impl SizedStruct for bigseg_reason {
    const FIRST_SIZE: usize = size_of::<Self>();
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<bigseg_reason>() == 64);

impl bigseg_reason {
    /// Borrows a reason of the core's.
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
            big_segments_status: bigseg_lookup_status::of(
                status.unwrap_or(bigseg_core::LookupStatus::Healthy),
            ),
        }
    }
}
