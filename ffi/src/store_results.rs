//! Results of a custom store
//!
//! A custom store adds its results, one segment ref at a time, to the `bigseg_answers` that its
//! callback receives. A context without results has an empty membership.

use bigseg::store::BatchResult;
use bigseg::{ContextHash, Error, ErrorKind, Membership, Result, SegmentRef};

use crate::code::{bigseg_code, raw_code};
use crate::error::{bigseg_error, error_from_host};
use crate::guard::{guard, non_null};
use crate::text::bigseg_str;

/// The results of one query to a custom store; valid on the thread of the callback, until it
/// returns.
pub struct bigseg_answers {
    answers: Vec<Answer>,
    /// The first misuse: a store may ignore what the calls return.
    misuse: Option<Error>,
}

#[derive(Default)]
struct Answer {
    included: Vec<SegmentRef>,
    excluded: Vec<SegmentRef>,
    failure: Option<Error>,
}

impl bigseg_answers {
    /// Makes empty results for `count` contexts.
    pub(crate) fn new(count: usize) -> Self {
        Self { answers: std::iter::repeat_with(Answer::default).take(count).collect(), misuse: None }
    }

    /// Returns the results for `hashes`, of which there are as many as results.
    pub(crate) fn finish(self, hashes: &[ContextHash]) -> Result<BatchResult> {
        if let Some(misuse) = self.misuse {
            return Err(misuse);
        }
        let finish = |answer: Answer| match answer.failure {
            Some(failure) => Err(failure),
            None => Ok(Membership::new(answer.included, answer.excluded)),
        };
        BatchResult::new(hashes, self.answers.into_iter().map(finish).collect())
    }

    fn answer(&mut self, index: usize) -> Result<&mut Answer> {
        let count = self.answers.len();
        self.answers.get_mut(index).ok_or_else(|| {
            let misuse = Error::new(
                ErrorKind::StoreData,
                format!("the custom store answered for context {index} of {count}, counting from 0"),
            );
            self.misuse.get_or_insert(misuse).clone()
        })
    }

    fn add(&mut self, index: usize, segment_ref: bigseg_str, included: bool) -> Result<()> {
        let answer = self.answer(index)?;
        match segment_ref.utf8("segment_ref") {
            Ok(text) => {
                let refs = if included { &mut answer.included } else { &mut answer.excluded };
                refs.push(SegmentRef::from_store(text));
                Ok(())
            }
            Err(e) => {
                let failure = Error::new(ErrorKind::StoreData, format!("the custom store: {}", e.message()));
                answer.failure.get_or_insert(failure);
                Err(e)
            }
        }
    }
}

/// Adds a segment that a context is included in. `index` is the position of the context in
/// `hashes`.
///
/// Errors: `BIGSEG_STORE_DATA` when the index is out of range; the whole query then fails with it.
/// `BIGSEG_INVALID_ARGUMENT` when the ref is not UTF-8; the lookup of this context then fails with
/// `BIGSEG_STORE_DATA`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_answers_include(
    answers: Option<&mut bigseg_answers>,
    index: usize,
    segment_ref: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || non_null(answers, "answers")?.add(index, segment_ref, true))
}

/// Adds a segment that a context is excluded from. `index` is the position of the context in
/// `hashes`.
///
/// Errors: `BIGSEG_STORE_DATA` when the index is out of range; the whole query then fails with it.
/// `BIGSEG_INVALID_ARGUMENT` when the ref is not UTF-8; the lookup of this context then fails with
/// `BIGSEG_STORE_DATA`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_answers_exclude(
    answers: Option<&mut bigseg_answers>,
    index: usize,
    segment_ref: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || non_null(answers, "answers")?.add(index, segment_ref, false))
}

/// Fails one context, without failing the others. `BIGSEG_OK` and unknown numbers become
/// `BIGSEG_STORE_DATA`. `index` is the position of the context in `hashes`.
///
/// Errors: `BIGSEG_STORE_DATA` when the index is out of range; the whole query then fails with it.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_answers_fail(
    answers: Option<&mut bigseg_answers>,
    index: usize,
    code: raw_code,
    message: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        non_null(answers, "answers")?.answer(index)?.failure = Some(error_from_host(code, message));
        Ok(())
    })
}
