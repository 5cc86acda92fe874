//! The door: evaluates a flag or a segment, or names the membership that is needed first.

use launchdarkly_server_sdk_evaluation as official;
use serde::Serialize;
use serde_json::Value;

use super::context::Context;
use super::data_set::DataSet;
use super::decision::Decision;
use super::evaluation_store::Consultation;
use super::reason::{EvaluationErrorKind, Reason};
use crate::context_key::ContextHash;
use crate::membership::{LookupStatus, Membership};

/// How far an evaluation has come.
#[derive(Debug, Clone)]
pub enum Step<T> {
    /// It is done.
    Done(T),
    /// It cannot go on without the membership of the context with this hash: [`Memo::insert`] it, and begin again.
    NeedMembership(ContextHash),
}

/// What a lookup said, as far as evaluation cares.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// The membership; empty when the lookup failed.
    pub membership: Membership,
    /// How far it can be trusted.
    pub status: LookupStatus,
}

/// The lookups of one evaluation: an answer holds until its end, whatever it was (docs/spec.md#one-lookup-per-key).
#[derive(Debug, Default)]
pub struct Memo {
    /// Most evaluations need no more than one, and no memory of their own for it.
    first: Option<(ContextHash, Lookup)>,
    others: Vec<(ContextHash, Lookup)>,
}

/// Answers at once what can be answered at once.
pub(super) type Resolve<'a> = dyn FnMut(ContextHash) -> Option<Lookup> + 'a;

impl Memo {
    /// Remembers a lookup.
    pub fn insert(&mut self, hash: ContextHash, lookup: Lookup) {
        match self.first {
            None => self.first = Some((hash, lookup)),
            Some(_) => self.others.push((hash, lookup)),
        }
    }

    fn get(&self, hash: ContextHash) -> Option<&Lookup> {
        let mut all = self.first.iter().chain(&self.others);
        all.find(|(known, _)| *known == hash).map(|(_, lookup)| lookup)
    }

    pub(super) fn get_or_resolve(&mut self, hash: ContextHash, resolve: &mut Resolve<'_>) -> Option<&Lookup> {
        if self.get(hash).is_none() {
            self.insert(hash, resolve(hash)?);
        }
        self.get(hash)
    }
}

/// What a flag serves a context, and why; serialises with its fields' names in `camelCase`, and without those that are
/// `None`, as do all parts of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    /// What it serves, or the caller's default.
    pub value: Value,
    /// The index of the variation; `None` when the value is the caller's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variation: Option<usize>,
    /// Why.
    pub reason: Reason,
    /// What each big segment decided that was asked for, in order.
    pub decisions: Vec<Decision>,
}

/// Whether a context is in a segment, and why; serialises as [`Evaluation`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentAnswer {
    /// Whether it is.
    pub is_match: bool,
    /// Why there is no real answer; it is "no" then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<EvaluationErrorKind>,
    /// The worst status of the lookups that were attempted or refused, and `None` if there were none (docs/spec.md#status-in-the-reason).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<LookupStatus>,
    /// What this segment decided, then each big segment that its rules ask for, in order.
    pub decisions: Vec<Decision>,
}

/// Evaluates a flag for a context. `resolve` is asked for each membership once, if `memo` does not hold it, and answers if it can
/// do so at once; if it cannot, that membership is needed.
pub fn evaluate_flag(
    data: &DataSet,
    flag_key: &str,
    context: &Context,
    default: &Value,
    memo: &mut Memo,
    resolve: &mut dyn FnMut(ContextHash) -> Option<Lookup>,
) -> Step<Evaluation> {
    let Some(entry) = data.flag(flag_key) else {
        return Step::Done(Evaluation::failed(EvaluationErrorKind::FlagNotFound, default));
    };
    if entry.too_long {
        return Step::Done(Evaluation::failed(EvaluationErrorKind::MalformedFlag, default));
    }
    let consultation = Consultation::new(data, context, None, memo, resolve);
    let detail = official::evaluate(&consultation, &entry.model, context.model(), None);
    // Theirs is the index even of a variation that is not there; then the value is none.
    let (index, reason) = (detail.variation_index.filter(|_| detail.value.is_some()), detail.reason);
    let outcome = consultation.into_outcome();
    if let Some(hash) = outcome.needed {
        return Step::NeedMembership(hash);
    }
    if outcome.endless {
        return Step::Done(Evaluation::failed(EvaluationErrorKind::MalformedFlag, default));
    }
    let served = index.and_then(|index| {
        let index = usize::try_from(index).ok()?;
        Some((index, entry.variations.get(index)?))
    });
    Step::Done(Evaluation {
        value: served.map_or(default, |(_, value)| value).clone(),
        variation: served.map(|(index, _)| index),
        reason: Reason::from_official(reason, outcome.status),
        decisions: outcome.decisions(None),
    })
}

/// Evaluates a segment for a context; the rest is as with [`evaluate_flag`].
pub fn evaluate_segment(
    data: &DataSet,
    segment_key: &str,
    context: &Context,
    memo: &mut Memo,
    resolve: &mut dyn FnMut(ContextHash) -> Option<Lookup>,
) -> Step<SegmentAnswer> {
    let Some(entry) = data.segment(segment_key) else {
        return Step::Done(SegmentAnswer::failed(EvaluationErrorKind::SegmentNotFound));
    };
    if entry.too_long {
        return Step::Done(SegmentAnswer::failed(EvaluationErrorKind::MalformedFlag));
    }
    let consultation = Consultation::new(data, context, Some(entry), memo, resolve);
    let detail = official::evaluate(&consultation, &entry.question, context.model(), None);
    let is_match = detail.value.is_some() && detail.variation_index == Some(1);
    let malformed = detail.value.is_none();
    let outcome = consultation.into_outcome();
    if let Some(hash) = outcome.needed {
        return Step::NeedMembership(hash);
    }
    if outcome.endless {
        return Step::Done(SegmentAnswer::failed(EvaluationErrorKind::MalformedFlag));
    }
    Step::Done(SegmentAnswer {
        is_match,
        error_kind: malformed.then_some(EvaluationErrorKind::MalformedFlag),
        status: outcome.status,
        decisions: outcome.decisions((!malformed).then_some(is_match)),
    })
}

impl Evaluation {
    /// Returns the caller's default, for want of anything to evaluate.
    pub fn failed(kind: EvaluationErrorKind, default: &Value) -> Self {
        Self { value: default.clone(), variation: None, reason: Reason::error(kind), decisions: Vec::new() }
    }
}

impl SegmentAnswer {
    /// Returns "no", for want of anything to evaluate.
    pub fn failed(kind: EvaluationErrorKind) -> Self {
        Self { is_match: false, error_kind: Some(kind), status: None, decisions: Vec::new() }
    }
}
