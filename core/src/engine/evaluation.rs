//! From a context and a flag or segment to an answer with its reason; what that takes is looked up as any membership is.

use std::sync::Arc;

use serde_json::Value;

use super::{Answer, Engine, Shared};
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::segment::{
    Context, DataSet, Evaluation, EvaluationErrorKind, Lookup, Memo, SegmentAnswer, Step, evaluate_flag,
    evaluate_segment,
};

/// An evaluation that waits for a membership.
pub(super) struct Suspended {
    data: Arc<DataSet>,
    memo: Memo,
    needed: ContextHash,
}

/// What is evaluated.
pub(super) trait Question {
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

/// What does this flag serve this context?
#[derive(Clone, Copy)]
pub(super) struct FlagQuestion<'a> {
    pub(super) flag_key: &'a str,
    pub(super) context: &'a Context,
    pub(super) default: &'a Value,
}

/// Is this context in this segment?
#[derive(Clone, Copy)]
pub(super) struct SegmentQuestion<'a> {
    pub(super) segment_key: &'a str,
    pub(super) context: &'a Context,
}

impl Question for FlagQuestion<'_> {
    type Reply = Evaluation;

    fn run(
        &self,
        data: &DataSet,
        memo: &mut Memo,
        resolve: &mut dyn FnMut(ContextHash) -> Option<Lookup>,
    ) -> Step<Evaluation> {
        evaluate_flag(data, self.flag_key, self.context, self.default, memo, resolve)
    }

    fn not_ready(&self) -> Evaluation {
        Evaluation::failed(EvaluationErrorKind::ClientNotReady, self.default)
    }
}

impl Question for SegmentQuestion<'_> {
    type Reply = SegmentAnswer;

    fn run(
        &self,
        data: &DataSet,
        memo: &mut Memo,
        resolve: &mut dyn FnMut(ContextHash) -> Option<Lookup>,
    ) -> Step<SegmentAnswer> {
        evaluate_segment(data, self.segment_key, self.context, memo, resolve)
    }

    fn not_ready(&self) -> SegmentAnswer {
        SegmentAnswer::failed(EvaluationErrorKind::ClientNotReady)
    }
}

impl Engine {
    /// Evaluates a flag for a context: what it serves, and why. `default` is served when there is nothing to evaluate; the
    /// reason says so.
    ///
    /// Memberships are looked up one after the other as rules come to ask for them, each at most once; what is cached or
    /// embedded is there without waiting, and for each other one it waits as [`Engine::membership`] does, at most the lookup
    /// deadline.
    ///
    /// ```
    /// # use bigseg_core::{Context, Engine, EngineConfig, LookupStatus};
    /// # use serde_json::{Value, json};
    /// let engine = Engine::open(EngineConfig::default())?;
    /// engine.set_data(
    ///     r#"{"flags": {"page": {"key": "page", "version": 1, "on": true, "variations": ["old", "new"], "fallthrough": {"variation": 0},
    ///            "rules": [{"variation": 1, "clauses": [{"attribute": "", "op": "segmentMatch", "values": ["beta"]}]}]}},
    ///         "segments": {"beta": {"key": "beta", "version": 1, "unbounded": true, "generation": 3}}}"#,
    /// )?;
    /// let alice = Context::parse(r#"{"kind": "user", "key": "alice"}"#)?;
    /// let evaluation = engine.blocking().evaluate("page", &alice, &Value::Null)?;
    /// assert_eq!(evaluation.value, json!("old"));
    /// assert_eq!(evaluation.reason.big_segments_status, Some(LookupStatus::NotConfigured)); // for there is no store
    /// # Ok::<(), bigseg_core::Error>(())
    /// ```
    pub async fn evaluate(&self, flag_key: &str, context: &Context, default: &Value) -> Result<Evaluation> {
        self.shared.reply(FlagQuestion { flag_key, context, default }).await
    }

    /// Does the same if it can be done without waiting; `None` if the store would have to be asked.
    pub fn evaluate_now(
        &self,
        flag_key: &str,
        context: &Context,
        default: &Value,
    ) -> Result<Option<Evaluation>> {
        let question = FlagQuestion { flag_key, context, default };
        Ok(self.shared.begin(&question, |hash| self.shared.look_up_at_once(hash))?.ok())
    }

    /// Does the same if all it takes is cached: no store is asked, not even one that is part of this process, which may
    /// read from a disk.
    pub fn evaluate_cached(
        &self,
        flag_key: &str,
        context: &Context,
        default: &Value,
    ) -> Result<Option<Evaluation>> {
        let question = FlagQuestion { flag_key, context, default };
        Ok(self.shared.begin(&question, |hash| self.shared.look_up_cached(hash))?.ok())
    }

    /// Evaluates a flag and calls back, exactly once, on a thread that may block; as [`Engine::membership_then`] does.
    ///
    /// # Errors
    /// When this fails, `callback` is dropped without being called.
    pub fn evaluate_then(
        &self,
        flag_key: String,
        context: Context,
        default: Value,
        callback: impl FnOnce(Result<Evaluation>) + Send + 'static,
    ) -> Result<()> {
        let shared = self.shared.clone();
        let reply = async move {
            let question = FlagQuestion { flag_key: &flag_key, context: &context, default: &default };
            shared.reply(question).await
        };
        self.call_back(reply, callback)
    }

    /// Answers whether a context is in a segment, and why; it looks up as [`Engine::evaluate`] does.
    pub async fn segment_contains(&self, segment_key: &str, context: &Context) -> Result<SegmentAnswer> {
        self.shared.reply(SegmentQuestion { segment_key, context }).await
    }

    /// Does the same if it can be done without waiting; `None` if the store would have to be asked.
    pub fn segment_contains_now(
        &self,
        segment_key: &str,
        context: &Context,
    ) -> Result<Option<SegmentAnswer>> {
        let question = SegmentQuestion { segment_key, context };
        Ok(self.shared.begin(&question, |hash| self.shared.look_up_at_once(hash))?.ok())
    }

    /// Does the same if all it takes is cached, as [`Engine::evaluate_cached`] does.
    pub fn segment_contains_cached(
        &self,
        segment_key: &str,
        context: &Context,
    ) -> Result<Option<SegmentAnswer>> {
        let question = SegmentQuestion { segment_key, context };
        Ok(self.shared.begin(&question, |hash| self.shared.look_up_cached(hash))?.ok())
    }

    /// Does the same and calls back, exactly once, on a thread that may block; as [`Engine::membership_then`] does.
    ///
    /// # Errors
    /// When this fails, `callback` is dropped without being called.
    pub fn segment_contains_then(
        &self,
        segment_key: String,
        context: Context,
        callback: impl FnOnce(Result<SegmentAnswer>) + Send + 'static,
    ) -> Result<()> {
        let shared = self.shared.clone();
        let reply = async move {
            shared.reply(SegmentQuestion { segment_key: &segment_key, context: &context }).await
        };
        self.call_back(reply, callback)
    }
}

impl Shared {
    /// Answers a question, waiting for the store as often as it takes.
    pub(super) async fn reply<Q: Question>(self: &Arc<Self>, question: Q) -> Result<Q::Reply> {
        match self.begin(&question, |hash| self.look_up_at_once(hash))? {
            Ok(reply) => Ok(reply),
            Err(suspended) => Ok(self.go_on(&question, suspended).await),
        }
    }

    /// Answers a question on the spot, or comes as far as that goes.
    pub(super) fn begin<Q: Question>(
        &self,
        question: &Q,
        mut resolve: impl FnMut(ContextHash) -> Option<Lookup>,
    ) -> Result<Result<Q::Reply, Suspended>> {
        self.check_usable()?;
        let data = self.data.current().load();
        let Some(loaded) = &*data else { return Ok(Ok(question.not_ready())) };
        let mut memo = Memo::default();
        Ok(match question.run(&loaded.set, &mut memo, &mut resolve) {
            Step::Done(reply) => Ok(reply),
            Step::NeedMembership(needed) => Err(Suspended { data: loaded.set.clone(), memo, needed }),
        })
    }

    /// Goes on with a question.
    pub(super) async fn go_on<Q: Question>(self: &Arc<Self>, question: &Q, suspended: Suspended) -> Q::Reply {
        let Suspended { data, mut memo, mut needed } = suspended;
        loop {
            memo.insert(needed, Lookup::from(self.clone().lookup(needed).await));
            match question.run(&data, &mut memo, &mut |hash| self.look_up_at_once(hash)) {
                Step::Done(reply) => return reply,
                Step::NeedMembership(hash) => needed = hash,
            }
        }
    }

    pub(super) fn look_up_at_once(&self, hash: ContextHash) -> Option<Lookup> {
        self.lookup_now(hash).map(Lookup::from)
    }

    fn look_up_cached(&self, hash: ContextHash) -> Option<Lookup> {
        self.recall(&hash, self.config.clock.now()).ok().map(Lookup::from)
    }
}

impl From<Answer> for Lookup {
    fn from(answer: Answer) -> Self {
        Self { membership: answer.membership, status: answer.status }
    }
}
