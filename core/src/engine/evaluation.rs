//! Evaluates segments and flags; the memberships they need are looked up like any other.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::answer::{Answer, Origin};
use super::evaluator::Evaluator;
use super::lookup::{Progress, Reach};
use super::request::{Query, Request, RequestTime};
use crate::clock::Moment;
use crate::context_key::ContextHash;
use crate::error::{Error, Result};
use crate::segment::{
    Context, DataSet, Evaluation, EvaluationErrorKind, Lookup, Memo, SegmentAnswer, Step, evaluate_flag,
    evaluate_segment,
};

static NULL: Value = Value::Null;

/// An evaluation that waits for a membership.
pub struct PendingEvaluation {
    data: Arc<DataSet>,
    memo: Memo,
    needed: ContextHash,
}

/// What can be evaluated.
trait Evaluate {
    type Reply;

    fn run(
        &self,
        data: &DataSet,
        memo: &mut Memo,
        resolve: &mut dyn FnMut(ContextHash) -> Option<Lookup>,
    ) -> Step<Self::Reply>;

    /// The reply of an engine without data.
    fn not_ready(&self) -> Self::Reply;
}

/// An evaluation of a flag for a context.
#[derive(Debug, Clone)]
pub struct FlagQuery<'a> {
    flag_key: Cow<'a, str>,
    context: Cow<'a, Context>,
    default: Cow<'a, Value>,
}

/// An evaluation of a segment for a context.
#[derive(Debug, Clone)]
pub struct SegmentQuery<'a> {
    segment_key: Cow<'a, str>,
    context: Cow<'a, Context>,
}

/// The explanation why a context is in a segment or not, with every intermediate result.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Explanation {
    /// The answer. Its first decision is the segment's own; the others are of big segments that its
    /// rules refer to.
    pub answer: SegmentAnswer,
    /// The hash under which the context was looked up. `None` when it was not looked up: the
    /// segment is not a big segment, its generation is missing, or the context has no individual
    /// context of its kind.
    pub hash: Option<ContextHash>,
    /// The value in the membership: `Some(true)` = included, `Some(false)` = excluded, `None` = no
    /// value or no lookup.
    pub value: Option<bool>,
    /// Where the membership comes from, and how old it is; `None` without a lookup.
    pub origin: Option<Origin>,
    /// Whether the store is in memory or embedded, so that no network was used.
    pub embedded: bool,
    /// Why the store did not answer; `None` when it did.
    pub error: Option<Error>,
}

impl<'a> Request<'a, FlagQuery<'a>> {
    /// Sets the value to serve when there is nothing to evaluate. Default: `null`.
    pub fn default(mut self, value: &'a Value) -> Self {
        self.query.default = Cow::Borrowed(value);
        self
    }
}

impl<'a> FlagQuery<'a> {
    pub(super) fn new(flag_key: &'a str, context: &'a Context) -> Self {
        Self {
            flag_key: Cow::Borrowed(flag_key),
            context: Cow::Borrowed(context),
            default: Cow::Borrowed(&NULL),
        }
    }
}

impl<'a> SegmentQuery<'a> {
    pub(super) fn new(segment_key: &'a str, context: &'a Context) -> Self {
        Self { segment_key: Cow::Borrowed(segment_key), context: Cow::Borrowed(context) }
    }
}

impl Evaluate for FlagQuery<'_> {
    type Reply = Evaluation;

    fn run(
        &self,
        data: &DataSet,
        memo: &mut Memo,
        resolve: &mut dyn FnMut(ContextHash) -> Option<Lookup>,
    ) -> Step<Evaluation> {
        evaluate_flag(data, &self.flag_key, &self.context, &self.default, memo, resolve)
    }

    fn not_ready(&self) -> Evaluation {
        Evaluation::failed(EvaluationErrorKind::ClientNotReady, &self.default)
    }
}

impl Evaluate for SegmentQuery<'_> {
    type Reply = SegmentAnswer;

    fn run(
        &self,
        data: &DataSet,
        memo: &mut Memo,
        resolve: &mut dyn FnMut(ContextHash) -> Option<Lookup>,
    ) -> Step<SegmentAnswer> {
        evaluate_segment(data, &self.segment_key, &self.context, memo, resolve)
    }

    fn not_ready(&self) -> SegmentAnswer {
        SegmentAnswer::failed(EvaluationErrorKind::ClientNotReady)
    }
}

impl<'a> Query for FlagQuery<'a> {
    type Reply = Evaluation;
    type Pending = PendingEvaluation;
    type Owned = FlagQuery<'static>;

    fn start(
        &self,
        evaluator: &Evaluator,
        time: &RequestTime<'_>,
        reach: Reach,
    ) -> Result<Progress<Evaluation, PendingEvaluation>> {
        Ok(evaluator.start(self, time, reach))
    }

    async fn resume(self, evaluator: Evaluator, pending: PendingEvaluation, limit: Duration) -> Evaluation {
        evaluator.resume(&self, pending, limit).await
    }

    fn into_owned(self) -> FlagQuery<'static> {
        FlagQuery {
            flag_key: Cow::Owned(self.flag_key.into_owned()),
            context: Cow::Owned(self.context.into_owned()),
            default: Cow::Owned(self.default.into_owned()),
        }
    }
}

impl<'a> Query for SegmentQuery<'a> {
    type Reply = SegmentAnswer;
    type Pending = PendingEvaluation;
    type Owned = SegmentQuery<'static>;

    fn start(
        &self,
        evaluator: &Evaluator,
        time: &RequestTime<'_>,
        reach: Reach,
    ) -> Result<Progress<SegmentAnswer, PendingEvaluation>> {
        Ok(evaluator.start(self, time, reach))
    }

    async fn resume(
        self,
        evaluator: Evaluator,
        pending: PendingEvaluation,
        limit: Duration,
    ) -> SegmentAnswer {
        evaluator.resume(&self, pending, limit).await
    }

    fn into_owned(self) -> SegmentQuery<'static> {
        SegmentQuery {
            segment_key: Cow::Owned(self.segment_key.into_owned()),
            context: Cow::Owned(self.context.into_owned()),
        }
    }
}

impl Evaluator {
    /// Evaluates as far as that goes without waiting.
    #[inline]
    fn start<Q: Evaluate>(
        &self,
        query: &Q,
        time: &RequestTime<'_>,
        reach: Reach,
    ) -> Progress<Q::Reply, PendingEvaluation> {
        let data = self.data.current().load();
        let Some(loaded) = &*data else { return Progress::Done(query.not_ready(), Moment::NEVER) };
        let mut memo = Memo::default();
        let mut until = Moment::NEVER;
        let mut resolve = |hash| match self.lookups.try_lookup(hash, time.now(), reach) {
            Progress::Done(answer, answer_until) => {
                until = until.min(answer_until);
                Some(Lookup::from(answer))
            }
            Progress::Pending(_) => None,
        };
        match query.run(&loaded.set, &mut memo, &mut resolve) {
            Step::Done(reply) => Progress::Done(reply, until),
            Step::NeedMembership(needed) => {
                Progress::Pending(PendingEvaluation { data: loaded.set.clone(), memo, needed })
            }
        }
    }

    /// Goes on with an evaluation, and waits for the store as often as it takes.
    async fn resume<Q: Evaluate>(&self, query: &Q, pending: PendingEvaluation, limit: Duration) -> Q::Reply {
        let PendingEvaluation { data, mut memo, mut needed } = pending;
        loop {
            memo.insert(needed, Lookup::from(self.lookups.lookup(needed, limit).await));
            let mut resolve = |hash| match self.lookups.try_lookup(hash, self.lookups.now(), Reach::Embedded)
            {
                Progress::Done(answer, _) => Some(Lookup::from(answer)),
                Progress::Pending(_) => None,
            };
            match query.run(&data, &mut memo, &mut resolve) {
                Step::Done(reply) => return reply,
                Step::NeedMembership(hash) => needed = hash,
            }
        }
    }

    pub(super) async fn explain(&self, query: SegmentQuery<'_>) -> Result<Explanation> {
        self.lookups.check_usable()?;
        let limit = self.lookups.config.lookup_deadline;
        let mut explanation = Explanation {
            answer: query.not_ready(),
            hash: None,
            value: None,
            origin: None,
            embedded: self.lookups.is_embedded(),
            error: None,
        };
        let loaded = self.data.current().load_full();
        let Some(data) = loaded.map(|loaded| loaded.set.clone()) else { return Ok(explanation) };
        let mut memo = Memo::default();
        if let Some((segment_ref, kind)) = data.big_segment(&query.segment_key)
            && let Some(hash) = query.context.hash(kind)
        {
            let answer = self.lookups.lookup(hash, limit).await;
            explanation.hash = Some(hash);
            explanation.value = answer.check(segment_ref.as_str());
            explanation.origin = Some(answer.origin);
            explanation.error = answer.error.clone();
            memo.insert(hash, Lookup::from(answer));
        }
        explanation.answer = match query.run(&data, &mut memo, &mut |_| None) {
            Step::Done(answer) => answer,
            Step::NeedMembership(needed) => {
                self.resume(&query, PendingEvaluation { data, memo, needed }, limit).await
            }
        };
        Ok(explanation)
    }
}

impl From<Answer> for Lookup {
    fn from(answer: Answer) -> Self {
        Self { membership: answer.membership, status: answer.status }
    }
}
