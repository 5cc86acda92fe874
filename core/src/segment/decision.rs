use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::membership::LookupStatus;
use crate::segment_ref::SegmentRef;

/// What decided whether a context is in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decider {
    /// The list: it includes the context.
    Included,
    /// The list: it excludes the context.
    Excluded,
    /// One of the segment's rules, which includes the context; there was no value in the store.
    Rule,
    /// There is no value in the store (or no store could be asked), and no rule includes the context.
    NoValue,
    /// The context has no individual context of the segment's kind, so nobody was asked (docs/spec.md#missing-context-kind).
    NotConsulted,
    /// The segment's generation is missing, so nobody could be asked (docs/spec.md#missing-generation).
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

    /// Returns whether the context is in the segment then.
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

/// How one segment decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The segment's key.
    #[serde(serialize_with = "text")]
    pub segment_key: Arc<str>,
    /// Its ref; `None` when it is no big segment, or its generation is missing.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_text")]
    pub segment_ref: Option<SegmentRef>,
    /// What decided.
    pub decider: Decider,
    /// The index of the rule that includes the context, if a rule does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_index: Option<usize>,
    /// That rule's identifier, if it has one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_text")]
    pub rule_id: Option<Arc<str>>,
    /// How far the lookup can be trusted; `None` when none was attempted or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<LookupStatus>,
}

fn text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn optional_text<S: Serializer>(text: &Option<impl AsRef<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref().map(AsRef::as_ref).serialize(serializer)
}
