//! Evaluates a flag or a segment. The result is an answer, or the one membership that is needed
//! next.

use launchdarkly_server_sdk_evaluation as ld;
use serde_json::Value;

use super::answer::{Evaluation, SegmentAnswer};
use super::context::Context;
use super::data_set::DataSet;
use super::evaluation_store::EvaluationStore;
use super::memo::{Lookup, Memo};
use super::reason::{EvaluationErrorKind, Reason};
use crate::context_key::ContextHash;

/// The result of one step of an evaluation.
#[derive(Debug, Clone)]
pub enum Step<T> {
    /// The evaluation is complete.
    Done(T),
    /// The evaluation needs the membership of the context with this hash. Add it with
    /// [`Memo::insert`], and evaluate again with the same memo.
    NeedMembership(ContextHash),
}

/// Evaluates a flag for a context.
///
/// A membership comes from `memo`, or else from `resolve`, which is called at most once for each
/// hash that it can answer. When `resolve` returns `None`, the result is [`Step::NeedMembership`].
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
    if entry.is_too_deep {
        return Step::Done(Evaluation::failed(EvaluationErrorKind::MalformedFlag, default));
    }
    let store = EvaluationStore::new(data, context, None, memo, resolve);
    let detail = ld::evaluate(&store, &entry.model, context.model(), None);
    let has_value = detail.value.is_some();
    // The evaluation crate reports the index even of a variation that does not exist; then there is
    // no value.
    let index = detail.variation_index.filter(|_| has_value);
    let reason = detail.reason;
    let trace = store.into_trace();
    if let Some(hash) = trace.needed {
        return Step::NeedMembership(hash);
    }
    if trace.exceeded_limit {
        return Step::Done(Evaluation::failed(EvaluationErrorKind::MalformedFlag, default));
    }
    let served = index.and_then(|index| {
        let index = usize::try_from(index).ok()?;
        Some((index, entry.variations.get(index)?))
    });
    Step::Done(Evaluation {
        value: served.map_or(default, |(_, value)| value).clone(),
        variation: served.map(|(index, _)| index),
        reason: Reason::from_ld(reason, trace.status),
        decisions: trace.into_decisions(None),
    })
}

/// Evaluates whether a context is in a segment.
///
/// A membership comes from `memo`, or else from `resolve`, which is called at most once for each
/// hash that it can answer. When `resolve` returns `None`, the result is [`Step::NeedMembership`].
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
    if entry.is_too_deep {
        return Step::Done(SegmentAnswer::failed(EvaluationErrorKind::MalformedFlag));
    }
    let store = EvaluationStore::new(data, context, Some(entry), memo, resolve);
    let detail = ld::evaluate(&store, &entry.probe_flag, context.model(), None);
    let is_malformed = detail.value.is_none();
    let is_match = !is_malformed && detail.variation_index == Some(1);
    let trace = store.into_trace();
    if let Some(hash) = trace.needed {
        return Step::NeedMembership(hash);
    }
    if trace.exceeded_limit {
        return Step::Done(SegmentAnswer::failed(EvaluationErrorKind::MalformedFlag));
    }
    Step::Done(SegmentAnswer {
        is_match,
        error_kind: is_malformed.then_some(EvaluationErrorKind::MalformedFlag),
        status: trace.status,
        decisions: trace.into_decisions((!is_malformed).then_some(is_match)),
    })
}
