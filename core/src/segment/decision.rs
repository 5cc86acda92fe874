//! What each segment decided in one evaluation.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::membership::LookupStatus;
use crate::segment_ref::SegmentRef;

/// What decided whether a context is in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decider {
    /// The segment's list includes the context.
    Included,
    /// The segment's list excludes the context.
    Excluded,
    /// The store has no value for the context, and a rule of the segment matches it.
    Rule,
    /// The store has no value for the context, or could not be queried, and no rule of the segment
    /// matches.
    NoValue,
    /// The context has no part of the segment's context kind, so no lookup was made
    /// (docs/spec.md#missing-context-kind).
    NotConsulted,
    /// The segment has no generation, so no lookup could be made (docs/spec.md#missing-generation).
    NotConfigured,
}

impl Decider {
    /// Every decider.
    pub const ALL: &'static [Decider] =
        &[Self::Included, Self::Excluded, Self::Rule, Self::NoValue, Self::NotConsulted, Self::NotConfigured];

    /// Returns the stable name, in `snake_case`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Included => "included",
            Self::Excluded => "excluded",
            Self::Rule => "rule",
            Self::NoValue => "no_value",
            Self::NotConsulted => "not_consulted",
            Self::NotConfigured => "not_configured",
        }
    }

    /// Returns whether the context is in the segment.
    pub const fn is_match(self) -> bool {
        matches!(self, Self::Included | Self::Rule)
    }
}

impl fmt::Display for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Decider {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What one segment decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Decision {
    /// The segment key.
    #[serde(serialize_with = "text")]
    pub segment_key: Arc<str>,
    /// The segment ref; `None` when the segment is not a big segment, or has no generation.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_text")]
    pub segment_ref: Option<SegmentRef>,
    /// What decided.
    pub decider: Decider,
    /// The index of the rule that matched, if `decider` is [`Decider::Rule`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_index: Option<usize>,
    /// The identifier of that rule, if it has one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_text")]
    pub rule_id: Option<Arc<str>>,
    /// The status of the lookup, even if it could not be made; `None` when none was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<LookupStatus>,
}

fn text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn optional_text<S: Serializer>(text: &Option<impl AsRef<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref().map(AsRef::as_ref).serialize(serializer)
}
