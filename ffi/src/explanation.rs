//! Explanations
//!
//! An explanation says why a context is in a segment, or is not, with every fact on the way: the
//! hash, the membership, where it came from, and what the rules decided. An explanation is
//! immutable; any thread may use it.

use std::mem::MaybeUninit;

use crate::code::bigseg_code;
use crate::context::bigseg_context;
use crate::context_hash::bigseg_context_hash;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value};
use crate::lookup::bigseg_origin;
use crate::membership::bigseg_membership_value;
use crate::optional::segment::{self, Explanation};
use crate::query::Query;
use crate::segment_answer::bigseg_segment_answer;
use crate::text::bigseg_str;

/// Why a context is in a segment, or is not.
pub struct bigseg_explanation {
    explanation: Explanation,
    answer: bigseg_segment_answer,
}

impl From<Explanation> for bigseg_explanation {
    fn from(explanation: Explanation) -> Self {
        let answer = explanation.answer.clone().into();
        Self { explanation, answer }
    }
}

/// Explains whether a context is in a segment. Free the explanation with `bigseg_explanation_free`.
///
/// Blocks up to the lookup deadline for each membership that the store must answer. Does not block
/// when all memberships are cached, or are in a memory or embedded store.
///
/// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`; `BIGSEG_UNSUPPORTED` in a library that was built
/// without evaluation.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_explain(
    engine: Option<&bigseg_engine>,
    segment_key: bigseg_str,
    context: Option<&bigseg_context>,
    explanation: Option<&mut *mut bigseg_explanation>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let query = Query::new(engine, segment_key, "segment_key", context)?;
        query.answer_into(explanation, "explanation", |engine, segment_key, context| {
            segment::explain(engine, segment_key, context).map(Some)
        })
    })
}

/// Returns the answer, borrowed from the explanation: do not free it. The first of its decisions is
/// that of the segment itself. Returns NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_answer(
    explanation: Option<&bigseg_explanation>,
) -> *const bigseg_segment_answer {
    explanation.map_or(std::ptr::null(), |explanation| &raw const explanation.answer)
}

/// Returns whether the context was looked up, and then writes its hash to `hash`, which may be
/// NULL. A context is not looked up when the segment is not a big segment, when it has no
/// generation, or when the context has no part of the segment's context kind. Returns false for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_hash(
    explanation: Option<&bigseg_explanation>,
    hash: Option<&mut MaybeUninit<bigseg_context_hash>>,
) -> bool {
    let Some(known) = explanation.and_then(|explanation| explanation.explanation.hash) else {
        return false;
    };
    if let Some(hash) = hash {
        hash.write(bigseg_context_hash::of(known));
    }
    true
}

/// Returns what the membership says about the segment; `BIGSEG_MEMBERSHIP_NO_VALUE` also when the
/// context was not looked up, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_value(
    explanation: Option<&bigseg_explanation>,
) -> bigseg_membership_value {
    bigseg_membership_value::of(explanation.and_then(|explanation| explanation.explanation.value))
}

/// Returns whether the context was looked up. If so, writes where the membership came from to
/// `origin`, and its age in milliseconds to `age_ms`; both may be NULL. Returns false for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_origin(
    explanation: Option<&bigseg_explanation>,
    origin: Option<&mut MaybeUninit<bigseg_origin>>,
    age_ms: Option<&mut MaybeUninit<u64>>,
) -> bool {
    let Some(known) = explanation.and_then(|explanation| explanation.explanation.origin) else {
        return false;
    };
    let (known, age) = bigseg_origin::of(known);
    if let Some(origin) = origin {
        origin.write(known);
    }
    if let Some(age_ms) = age_ms {
        age_ms.write(age);
    }
    true
}

/// Returns whether the store is a memory or embedded store, so that no network is involved; false
/// for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_embedded(explanation: Option<&bigseg_explanation>) -> bool {
    explanation.is_some_and(|explanation| explanation.explanation.embedded)
}

/// Returns why the store did not answer; `BIGSEG_OK` when it did or was not queried, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_store_code(explanation: Option<&bigseg_explanation>) -> bigseg_code {
    let error = explanation.and_then(|explanation| explanation.explanation.error.as_ref());
    error.map_or(bigseg_code::BIGSEG_OK, |error| bigseg_code::of(error.kind()))
}

/// Returns the error message of the store, borrowed from the explanation; empty when the store
/// answered or was not queried, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_store_message(explanation: Option<&bigseg_explanation>) -> bigseg_str {
    let error = explanation.and_then(|explanation| explanation.explanation.error.as_ref());
    bigseg_str::of(error.map_or("", |error| error.message()))
}

/// Frees an explanation.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_free(explanation: Option<Box<bigseg_explanation>>) {
    guard_value((), || drop(explanation));
}
