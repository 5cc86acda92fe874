//! The models of one segment that evaluation substitutes for it.
//!
//! The evaluation crate neither supports big segments nor reports which rule of a segment matched.
//! So a big segment has one model for each thing that a store can say, and rules can be traced:
//! each traced rule has an extra clause that refers to a segment whose key is [`TRACE_PREFIX`], the
//! segment's number and the rule's index.

use std::sync::OnceLock;

use launchdarkly_server_sdk_evaluation as ld;
use serde_json::{Map, Value, json};

use super::payload::{self, TRACE_PREFIX};
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;

/// The models of a segment.
pub(super) enum Variants {
    /// A segment whose members are in the data.
    Ordinary(Box<OrdinaryVariants>),
    /// A segment whose members are in a store.
    Big(Box<BigVariants>),
}

/// The models of an ordinary segment.
pub(super) struct OrdinaryVariants {
    /// The segment as it is in the data.
    pub(super) plain: ld::Segment,
    rules: Vec<Value>,
    traced: OnceLock<ld::Segment>,
}

/// The models of a big segment. Its ordinary lists are in none of them: they do not count
/// (docs/spec.md#membership-result).
pub(super) struct BigVariants {
    /// `None` when the generation is missing.
    pub(super) segment_ref: Option<SegmentRef>,
    pub(super) context_kind: String,
    /// For a context that the store includes: it matches every context.
    pub(super) included: ld::Segment,
    /// For a context that the store excludes: it matches no context.
    pub(super) excluded: ld::Segment,
    /// For a context without a value in the store: the traced rules. `None` when there are no
    /// rules, so that `excluded` has the right result.
    pub(super) rules: Option<ld::Segment>,
}

impl Variants {
    /// Builds the models of a segment. `data_key` is its key in the data, for errors.
    pub(super) fn new(data_key: &str, segment: &payload::Segment, number: usize) -> Result<Self> {
        let payload::Segment { lists, rules, big, key, .. } = segment;
        let Some(big) = big else {
            return Ok(Self::Ordinary(Box::new(OrdinaryVariants {
                plain: full_model(data_key, segment, Some(lists), rules.clone())?,
                rules: rules.clone(),
                traced: OnceLock::new(),
            })));
        };
        let segment_ref =
            big.generation.map(|generation| SegmentRef::from_store(format!("{key}.g{generation}")));
        let rules = if rules.is_empty() {
            None
        } else {
            Some(full_model(data_key, segment, None, trace(rules.clone(), number))?)
        };
        Ok(Self::Big(Box::new(BigVariants {
            segment_ref,
            context_kind: big.context_kind.clone(),
            // A rule without clauses matches every context.
            included: minimal_model(data_key, key, json!([{"clauses": []}]))?,
            excluded: minimal_model(data_key, key, json!([]))?,
            rules,
        })))
    }
}

impl OrdinaryVariants {
    /// Returns the model with traced rules. It is built at the first use, because the lists may be
    /// long.
    pub(super) fn traced(&self, number: usize) -> &ld::Segment {
        self.traced.get_or_init(|| {
            let mut model = serde_json::to_value(&self.plain).expect("a parsed model serialises");
            model["rules"] = trace(self.rules.clone(), number).into();
            serde_json::from_value(model).expect("a serialised model parses")
        })
    }
}

/// Builds a model with everything that evaluation can need.
fn full_model(
    data_key: &str,
    segment: &payload::Segment,
    lists: Option<&Map<String, Value>>,
    rules: Vec<Value>,
) -> Result<ld::Segment> {
    let mut model = segment.frame.clone();
    model.insert("included".into(), json!([]));
    model.insert("excluded".into(), json!([]));
    model.extend(lists.cloned().into_iter().flatten());
    model.insert("rules".into(), rules.into());
    to_model(model.into(), "segment", data_key)
}

/// Builds a model without lists. It is small, because evaluation clones a model each time it reads
/// one.
fn minimal_model(data_key: &str, key: &str, rules: Value) -> Result<ld::Segment> {
    let model = json!({"key": key, "version": 0, "salt": "", "included": [], "excluded": [], "rules": rules});
    to_model(model, "segment", data_key)
}

/// Builds a flag that serves variation 1 to the contexts in a segment: the evaluation crate
/// evaluates only flags.
pub(super) fn probe_flag(segment_key: &str) -> Result<ld::Flag> {
    let flag = json!({
        "key": "", "on": true, "salt": "", "variations": [false, true], "fallthrough": {"variation": 0},
        "targets": [], "prerequisites": [],
        "rules": [{
            "clauses": [segment_match(segment_key, Negate::No)],
            "variation": 1,
            "trackEvents": false,
        }],
    });
    to_model(flag, "segment", segment_key)
}

/// Adds a traced clause to each rule, which is evaluated when the other clauses match; and a last
/// rule, which never matches and is evaluated when no other rule matched.
fn trace(mut rules: Vec<Value>, number: usize) -> Vec<Value> {
    for (index, rule) in rules.iter_mut().enumerate() {
        let clauses = rule["clauses"].as_array_mut().expect("payload.rs writes a list");
        clauses.push(segment_match(&format!("{TRACE_PREFIX}{number}.{index}"), Negate::Yes));
    }
    rules.push(json!({"clauses": [segment_match(&format!("{TRACE_PREFIX}{number}"), Negate::No)]}));
    rules
}

#[derive(Clone, Copy, PartialEq)]
enum Negate {
    Yes,
    No,
}

/// Returns a clause that refers to a segment.
fn segment_match(segment_key: &str, negate: Negate) -> Value {
    json!({
        "attribute": "key",
        "op": "segmentMatch",
        "values": [segment_key],
        "negate": negate == Negate::Yes,
    })
}

/// Parses a model that `payload.rs` wrote.
pub(super) fn to_model<T: serde::de::DeserializeOwned>(
    model: Value,
    noun: &str,
    data_key: &str,
) -> Result<T> {
    serde_json::from_value(model).map_err(|_| {
        // The evaluation crate's message is withheld: it may repeat a value of the data.
        let message = format!("the {noun} {data_key:?} is not valid for the evaluation engine");
        Error::new(ErrorKind::InvalidArgument, message)
    })
}
