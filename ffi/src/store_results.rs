//! Answers of a custom store
//!
//! A custom store does not return memberships: it puts them, ref by ref, into a `bigseg_answers` that it is lent for
//! the duration of its callback. A context it says nothing about has an empty membership.

use bigseg_core::store::BatchResult;
use bigseg_core::{ContextHash, Error, ErrorKind, Membership, Result, SegmentRef};

use crate::code::{bigseg_code, given_code};
use crate::error::{bigseg_error, reported};
use crate::guard::{guard, non_null};
use crate::text::bigseg_str;

/// Where a custom store puts its answers; valid on the callback's thread, until the callback returns.
pub struct bigseg_answers {
    answers: Vec<Answer>,
    /// The first misuse, in case the store does not look at what the calls return.
    misuse: Option<Error>,
}

#[derive(Default)]
struct Answer {
    included: Vec<SegmentRef>,
    excluded: Vec<SegmentRef>,
    failure: Option<Error>,
}

impl bigseg_answers {
    /// Makes room for the answers to that many contexts.
    pub(crate) fn new(count: usize) -> Self {
        Self { answers: std::iter::repeat_with(Answer::default).take(count).collect(), misuse: None }
    }

    /// Returns the results for `hashes`, for as many as there is room.
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

/// Says that a context is included in a segment; `index` is its place in the callback's `hashes`.
///
/// Errors: `BIGSEG_STORE_DATA` when the index is out of range, and then the whole query fails with it;
/// `BIGSEG_INVALID_ARGUMENT` when the ref is not UTF-8, and then this context's lookup fails with `BIGSEG_STORE_DATA`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_answers_include(
    answers: Option<&mut bigseg_answers>,
    index: usize,
    segment_ref: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || non_null(answers, "answers")?.add(index, segment_ref, true))
}

/// Says that a context is excluded from a segment; like `bigseg_answers_include`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_answers_exclude(
    answers: Option<&mut bigseg_answers>,
    index: usize,
    segment_ref: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || non_null(answers, "answers")?.add(index, segment_ref, false))
}

/// Says that one context cannot be answered for, without failing the others; the code is the reason, and a number
/// that is no error code becomes `BIGSEG_STORE_DATA`.
///
/// Errors: `BIGSEG_STORE_DATA` when the index is out of range, and then the whole query fails with it.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_answers_fail(
    answers: Option<&mut bigseg_answers>,
    index: usize,
    code: given_code,
    message: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        non_null(answers, "answers")?.answer(index)?.failure = Some(reported(code, message));
        Ok(())
    })
}
