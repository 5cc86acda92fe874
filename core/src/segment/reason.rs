use std::fmt;

use launchdarkly_server_sdk_evaluation as official;
use serde::{Serialize, Serializer};

use crate::membership::LookupStatus;

/// The main thing that decided an evaluation, in the words of the SDKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasonKind {
    /// The flag is off.
    Off,
    /// The flag is on, and nothing in it is about this context.
    Fallthrough,
    /// The flag names the context.
    TargetMatch,
    /// A rule of the flag matches.
    RuleMatch,
    /// A prerequisite flag does not serve what it must.
    PrerequisiteFailed,
    /// There was nothing to evaluate, or it cannot be evaluated.
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

    /// Returns the name that evaluation reasons use as `kind`.
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

/// What kept an evaluation from being one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluationErrorKind {
    /// There are no data yet.
    ClientNotReady,
    /// There is no such flag.
    FlagNotFound,
    /// There is no such segment (in a question about a segment; flags take it for one that does not match).
    SegmentNotFound,
    /// The flag or segment, or one it refers to, contradicts itself: a circle, a variation that is not there.
    MalformedFlag,
}

impl EvaluationErrorKind {
    /// Every kind.
    pub const ALL: &'static [EvaluationErrorKind] =
        &[Self::ClientNotReady, Self::FlagNotFound, Self::SegmentNotFound, Self::MalformedFlag];

    /// Returns the name that evaluation reasons use as `errorKind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientNotReady => "CLIENT_NOT_READY",
            Self::FlagNotFound => "FLAG_NOT_FOUND",
            Self::SegmentNotFound => "SEGMENT_NOT_FOUND",
            Self::MalformedFlag => "MALFORMED_FLAG",
        }
    }
}

/// Why a flag serves what it serves; serialises as the SDKs' `reason`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The main thing that decided.
    pub kind: ReasonKind,
    /// What went wrong, if `kind` is [`ReasonKind::Error`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<EvaluationErrorKind>,
    /// The index of the flag's rule, if `kind` is [`ReasonKind::RuleMatch`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_index: Option<usize>,
    /// That rule's identifier, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// The flag that failed, if `kind` is [`ReasonKind::PrerequisiteFailed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prerequisite_key: Option<String>,
    /// Whether the context takes part in an experiment.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_experiment: bool,
    /// The worst status of the lookups that were attempted or refused, and `None` if there were none (docs/spec.md#status-in-the-reason).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub big_segments_status: Option<LookupStatus>,
}

impl Reason {
    /// Returns the reason for a value that nothing was evaluated for.
    pub(super) fn error(kind: EvaluationErrorKind) -> Self {
        Self { error_kind: Some(kind), ..Self::of(ReasonKind::Error) }
    }

    pub(super) fn from_official(reason: official::Reason, status: Option<LookupStatus>) -> Self {
        use official::Reason as Theirs;
        let reason = match reason {
            Theirs::Off => Self::of(ReasonKind::Off),
            Theirs::TargetMatch => Self::of(ReasonKind::TargetMatch),
            Theirs::RuleMatch { rule_index, rule_id, in_experiment } => Self {
                rule_index: Some(rule_index),
                rule_id: Some(rule_id).filter(|id| !id.is_empty()),
                in_experiment,
                ..Self::of(ReasonKind::RuleMatch)
            },
            Theirs::PrerequisiteFailed { prerequisite_key } => {
                Self { prerequisite_key: Some(prerequisite_key), ..Self::of(ReasonKind::PrerequisiteFailed) }
            }
            Theirs::Fallthrough { in_experiment } => {
                Self { in_experiment, ..Self::of(ReasonKind::Fallthrough) }
            }
            // The other kinds of theirs are the client's to give, not the evaluation's.
            Theirs::Error { .. } => Self::error(EvaluationErrorKind::MalformedFlag),
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
