#[cfg(feature = "segment")]
use serde_json::Value;

#[cfg(feature = "segment")]
use super::Explanation;
#[cfg(feature = "segment")]
use super::evaluation::{FlagQuestion, Question, SegmentQuestion};
use super::{Answer, Engine};
use crate::context_key::ContextHash;
use crate::error::Result;
#[cfg(feature = "segment")]
use crate::segment::{Context, Evaluation, SegmentAnswer};
use crate::status::StoreStatus;

/// The engine for callers without an executor: the same words, each waiting on the caller's thread.
///
/// What is cached, and everything in a memory or embedded store, is answered on the spot; otherwise the thread sleeps
/// until the answer is there, at most the lookup deadline.
#[derive(Clone, Copy)]
pub struct Blocking<'a>(pub(super) &'a Engine);

impl Blocking<'_> {
    /// See [`Engine::membership`].
    pub fn membership(&self, context_key: &str) -> Result<Answer> {
        self.membership_by_hash(self.0.hash(context_key)?)
    }

    /// See [`Engine::membership_by_hash`].
    pub fn membership_by_hash(&self, hash: ContextHash) -> Result<Answer> {
        self.0.shared.check_usable()?;
        match self.0.shared.lookup_now(hash) {
            Some(answer) => Ok(answer),
            None => Ok(pollster::block_on(self.0.shared.clone().lookup(hash))),
        }
    }

    /// See [`Engine::memberships`].
    pub fn memberships(&self, context_keys: &[&str]) -> Result<Vec<Answer>> {
        pollster::block_on(self.0.memberships(context_keys))
    }

    /// See [`Engine::memberships_by_hash`].
    pub fn memberships_by_hash(&self, hashes: &[ContextHash]) -> Result<Vec<Answer>> {
        pollster::block_on(self.0.memberships_by_hash(hashes))
    }

    /// See [`Engine::refresh_status`].
    pub fn refresh_status(&self) -> Result<StoreStatus> {
        pollster::block_on(self.0.refresh_status())
    }

    /// See [`Engine::close`].
    pub fn close(&self) {
        pollster::block_on(self.0.close());
    }
}

#[cfg(feature = "segment")]
impl Blocking<'_> {
    /// See [`Engine::evaluate`].
    pub fn evaluate(&self, flag_key: &str, context: &Context, default: &Value) -> Result<Evaluation> {
        self.reply(&FlagQuestion { flag_key, context, default })
    }

    /// See [`Engine::segment_contains`].
    pub fn segment_contains(&self, segment_key: &str, context: &Context) -> Result<SegmentAnswer> {
        self.reply(&SegmentQuestion { segment_key, context })
    }

    /// See [`Engine::explain`].
    pub fn explain(&self, segment_key: &str, context: &Context) -> Result<Explanation> {
        pollster::block_on(self.0.explain(segment_key, context))
    }

    fn reply<Q: Question>(&self, question: &Q) -> Result<Q::Reply> {
        let shared = &self.0.shared;
        Ok(match shared.begin(question, |hash| shared.look_up_at_once(hash))? {
            Ok(reply) => reply,
            Err(suspended) => pollster::block_on(shared.go_on(question, suspended)),
        })
    }
}
