//! Why an evaluation has its result, in the format of the SDKs.

use std::fmt;

#[cfg(feature = "segment")]
use launchdarkly_server_sdk_evaluation as ld;
use serde::{Serialize, Serializer};

use crate::membership::LookupStatus;

/// The main reason for the result of an evaluation; the names are those of the SDKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasonKind {
    /// The flag is off.
    Off,
    /// The flag is on, and neither its targets nor its rules match the context.
    Fallthrough,
    /// A target of the flag lists the context.
    TargetMatch,
    /// A rule of the flag matches.
    RuleMatch,
    /// A prerequisite flag does not serve the required variation.
    PrerequisiteFailed,
    /// The flag does not exist or cannot be evaluated, or there are no data.
    Error,
}

impl ReasonKind {
    /// Every kind.
    pub const ALL: &'static [ReasonKind] = &[
        Self::Off,
        Self::Fallthrough,
        Self::TargetMatch,
        Self::RuleMatch,
        Self::PrerequisiteFailed,
        Self::Error,
    ];

    /// Returns the name that the SDKs use as `kind` in an evaluation reason.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Fallthrough => "FALLTHROUGH",
            Self::TargetMatch => "TARGET_MATCH",
            Self::RuleMatch => "RULE_MATCH",
            Self::PrerequisiteFailed => "PREREQUISITE_FAILED",
            Self::Error => "ERROR",
        }
    }
}

/// Why an evaluation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluationErrorKind {
    /// The engine has no flags and segments yet.
    ClientNotReady,
    /// No flag has that key.
    FlagNotFound,
    /// No segment has that key. Only the evaluation of a segment fails with this: in a rule, a
    /// missing segment does not match.
    SegmentNotFound,
    /// The flag or segment, or one that it refers to, is inconsistent: it refers to itself or to a
    /// missing variation, or the chain of references is too long.
    MalformedFlag,
}

impl EvaluationErrorKind {
    /// Every kind.
    pub const ALL: &'static [EvaluationErrorKind] =
        &[Self::ClientNotReady, Self::FlagNotFound, Self::SegmentNotFound, Self::MalformedFlag];

    /// Returns the name that the SDKs use as `errorKind` in an evaluation reason.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientNotReady => "CLIENT_NOT_READY",
            Self::FlagNotFound => "FLAG_NOT_FOUND",
            Self::SegmentNotFound => "SEGMENT_NOT_FOUND",
            Self::MalformedFlag => "MALFORMED_FLAG",
        }
    }
}

/// Why a flag serves its value. It serialises as the SDKs' `reason`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Reason {
    /// The main reason.
    pub kind: ReasonKind,
    /// Why the evaluation failed, if `kind` is [`ReasonKind::Error`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<EvaluationErrorKind>,
    /// The index of the rule that matched, if `kind` is [`ReasonKind::RuleMatch`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_index: Option<usize>,
    /// The identifier of that rule, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// The key of the prerequisite flag, if `kind` is [`ReasonKind::PrerequisiteFailed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prerequisite_key: Option<String>,
    /// Whether the context is part of an experiment.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_experiment: bool,
    /// The worst status of all lookups, including those that could not be made; `None` when none
    /// was needed (docs/spec.md#status-in-the-reason).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub big_segments_status: Option<LookupStatus>,
}

impl Reason {
    /// Returns the reason of an evaluation that failed.
    pub(super) fn error(kind: EvaluationErrorKind) -> Self {
        Self { error_kind: Some(kind), ..Self::of(ReasonKind::Error) }
    }

    #[cfg(feature = "segment")]
    pub(super) fn from_ld(reason: ld::Reason, status: Option<LookupStatus>) -> Self {
        let reason = match reason {
            ld::Reason::Off => Self::of(ReasonKind::Off),
            ld::Reason::TargetMatch => Self::of(ReasonKind::TargetMatch),
            ld::Reason::RuleMatch { rule_index, rule_id, in_experiment } => Self {
                rule_index: Some(rule_index),
                rule_id: Some(rule_id).filter(|id| !id.is_empty()),
                in_experiment,
                ..Self::of(ReasonKind::RuleMatch)
            },
            ld::Reason::PrerequisiteFailed { prerequisite_key } => {
                Self { prerequisite_key: Some(prerequisite_key), ..Self::of(ReasonKind::PrerequisiteFailed) }
            }
            ld::Reason::Fallthrough { in_experiment } => {
                Self { in_experiment, ..Self::of(ReasonKind::Fallthrough) }
            }
            // The evaluation itself reports no other error; the rest of the crate's kinds are for
            // SDK clients.
            ld::Reason::Error { .. } => Self::error(EvaluationErrorKind::MalformedFlag),
        };
        Self { big_segments_status: status, ..reason }
    }

    fn of(kind: ReasonKind) -> Self {
        Self {
            kind,
            error_kind: None,
            rule_index: None,
            rule_id: None,
            prerequisite_key: None,
            in_experiment: false,
            big_segments_status: None,
        }
    }
}

impl fmt::Display for ReasonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for EvaluationErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ReasonKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for EvaluationErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
