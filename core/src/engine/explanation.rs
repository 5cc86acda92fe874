use super::evaluation::{Question, SegmentQuestion};
use super::{Engine, Origin};
use crate::context_key::ContextHash;
use crate::error::{Error, Result};
use crate::segment::{Context, Lookup, Memo, SegmentAnswer, Step};

/// Why a context is in a segment, or is not: everything that is known on the way.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The answer. Its first decision is the segment's own; the others are of big segments that its rules ask for.
    pub answer: SegmentAnswer,
    /// Under which hash the context was looked up; `None` when it was not: the segment is no big one, its generation is
    /// missing, or the context has no individual context of its kind.
    pub hash: Option<ContextHash>,
    /// What the membership says: `Some(true)` = included, `Some(false)` = excluded, `None` = no value, or none was looked up.
    pub value: Option<bool>,
    /// Where the membership comes from, and how old it is; `None` when none was looked up.
    pub origin: Option<Origin>,
    /// Whether the store is part of this process (a memory or embedded store), so that no network was asked.
    pub embedded: bool,
    /// Why the store was not heard, when it was not.
    pub error: Option<Error>,
}

impl Engine {
    /// Answers whether a context is in a segment, and explains it; it looks up as [`Engine::evaluate`] does.
    pub async fn explain(&self, segment_key: &str, context: &Context) -> Result<Explanation> {
        self.shared.check_usable()?;
        let question = SegmentQuestion { segment_key, context };
        let mut explanation = Explanation {
            answer: question.not_ready(),
            hash: None,
            value: None,
            origin: None,
            embedded: self.shared.store.as_ref().is_some_and(|store| store.reader.in_place().is_some()),
            error: None,
        };
        let Some(data) = self.data() else { return Ok(explanation) };
        let mut memo = Memo::default();
        if let Some((segment_ref, kind)) = data.big_segment(segment_key)
            && let Some(hash) = context.hash(kind)
        {
            let answer = self.shared.clone().lookup(hash).await;
            explanation.hash = Some(hash);
            explanation.value = answer.check(segment_ref.as_str());
            explanation.origin = Some(answer.origin);
            explanation.error = answer.error.clone();
            memo.insert(hash, Lookup::from(answer));
        }
        loop {
            match question.run(&data, &mut memo, &mut |_| None) {
                Step::Done(answer) => return Ok(Explanation { answer, ..explanation }),
                Step::NeedMembership(hash) => {
                    memo.insert(hash, Lookup::from(self.shared.clone().lookup(hash).await));
                }
            }
        }
    }
}
