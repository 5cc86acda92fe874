//! Answers that a first-level cache above the engine gives again by itself.
//!
//! A language whose calls into Rust are dear keeps a few answers on its own side. They stay exact because the engine says
//! when each ceases to hold: at a moment that is known beforehand, or when the [`Epoch`] changes.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "segment")]
use serde_json::Value;

#[cfg(feature = "segment")]
use super::evaluation::{FlagQuestion, Question, SegmentQuestion};
use super::{Answer, Engine};
#[cfg(feature = "segment")]
use crate::clock::Moment;
use crate::context_key::ContextHash;
use crate::epoch::Epoch;
use crate::error::Result;
#[cfg(feature = "segment")]
use crate::segment::{Context, Evaluation, Lookup, SegmentAnswer};

/// An answer that may be given again.
#[derive(Debug, Clone)]
pub struct Repeatable<T = Answer> {
    /// The answer.
    pub answer: T,
    /// How long it may be given again, unless the epoch is another than before it was asked for.
    pub holds_for: Duration,
}

impl Engine {
    /// Returns the number that changes whenever an answer given before may no longer hold, other than by the passing of
    /// time: an entry left the cache, the store's state changed, the engine was closed.
    pub fn epoch(&self) -> &Arc<Epoch> {
        &self.shared.epoch
    }

    /// Does what [`Engine::cached_by_hash`] does, and says for how long the answer may be given again.
    pub fn repeatable(&self, hash: ContextHash) -> Result<Option<Repeatable>> {
        self.shared.check_usable()?;
        let now = self.shared.config.clock.now();
        let recalled = self.shared.recall_until(&hash, now).ok();
        Ok(recalled.map(|(answer, until)| Repeatable { answer, holds_for: until.since(now) }))
    }

    /// Does what [`Engine::evaluate_now`] does, and says for how long the answer may be given again to the same context; not
    /// at all if it took a look into an embedded store. The epoch changes with the data, too.
    #[cfg(feature = "segment")]
    pub fn repeatable_evaluation(
        &self,
        flag_key: &str,
        context: &Context,
        default: &Value,
    ) -> Result<Option<Repeatable<Evaluation>>> {
        self.repeatable_reply(&FlagQuestion { flag_key, context, default })
    }

    /// Does the same for [`Engine::segment_contains_now`].
    #[cfg(feature = "segment")]
    pub fn repeatable_segment_answer(
        &self,
        segment_key: &str,
        context: &Context,
    ) -> Result<Option<Repeatable<SegmentAnswer>>> {
        self.repeatable_reply(&SegmentQuestion { segment_key, context })
    }

    #[cfg(feature = "segment")]
    fn repeatable_reply<Q: Question>(&self, question: &Q) -> Result<Option<Repeatable<Q::Reply>>> {
        let now = self.shared.config.clock.now();
        let mut until = Moment::NEVER;
        let resolve = |hash| match self.shared.recall_until(&hash, now) {
            Ok((answer, answer_until)) => {
                until = until.min(answer_until);
                Some(Lookup::from(answer))
            }
            Err(_) => {
                until = now;
                self.shared.look_up_at_once(hash)
            }
        };
        let reply = self.shared.begin(question, resolve)?.ok();
        Ok(reply.map(|answer| Repeatable { answer, holds_for: until.since(now) }))
    }

    /// Notes that answers were given again: `times` hits, and uses of these contexts in this order, the latest last. Uses
    /// that matter for the order of eviction must be noted before the next lookup.
    pub fn note_repeats(&self, uses: &[ContextHash], times: u64) {
        for hash in uses {
            self.shared.cache.get(hash, self.shared.config.clock.now());
        }
        self.shared.counters.cache_hits.add(times);
    }
}
