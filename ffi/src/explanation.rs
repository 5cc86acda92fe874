//! Why is this context in that segment, or not?
//!
//! Everything that is known on the way to the answer. An explanation is immutable; any thread may use it.

use std::mem::MaybeUninit;

use bigseg_core::engine::Explanation;

use crate::code::bigseg_code;
use crate::context::bigseg_context;
use crate::context_hash::bigseg_context_hash;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::lookup::bigseg_origin;
use crate::membership::bigseg_membership_value;
use crate::segment_answer::bigseg_segment_answer;
use crate::text::bigseg_str;

/// Why a context is in a segment, or is not.
pub struct bigseg_explanation {
    explanation: Explanation,
    answer: bigseg_segment_answer,
}

/// Explains whether a context is in a segment. Free the explanation with `bigseg_explanation_free`. Lookups, blocking and
/// errors are as for `bigseg_engine_evaluate`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_explain(
    engine: Option<&bigseg_engine>,
    segment_key: bigseg_str,
    context: Option<&bigseg_context>,
    explanation: Option<&mut *mut bigseg_explanation>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let (segment_key, context) =
            (segment_key.utf8("segment_key")?, &non_null(context, "context")?.context);
        let place = non_null(explanation, "explanation")?;
        let explanation = engine.explain(segment_key, context).wait()?;
        let answer = bigseg_segment_answer::new(explanation.answer.clone());
        *place = Box::into_raw(Box::new(bigseg_explanation { explanation, answer }));
        Ok(())
    })
}

/// Returns the answer, borrowed from the explanation: do not free it. The first of its decisions is the segment's own.
/// NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_answer(
    explanation: Option<&bigseg_explanation>,
) -> *const bigseg_segment_answer {
    explanation.map_or(std::ptr::null(), |explanation| &raw const explanation.answer)
}

/// Returns whether the context was looked up, and then writes under which hash. It is not if the segment is no big one,
/// if its generation is missing, or if the context has no individual context of its kind. For NULL: false.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_hash(
    explanation: Option<&bigseg_explanation>,
    hash: Option<&mut MaybeUninit<bigseg_context_hash>>,
) -> bool {
    let Some(known) = explanation.and_then(|explanation| explanation.explanation.hash) else { return false };
    if let Some(hash) = hash {
        hash.write(bigseg_context_hash::of(known));
    }
    true
}

/// Returns what the membership says; `BIGSEG_MEMBERSHIP_NO_VALUE` also if none was looked up, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_value(
    explanation: Option<&bigseg_explanation>,
) -> bigseg_membership_value {
    bigseg_membership_value::of(explanation.and_then(|explanation| explanation.explanation.value))
}

/// Returns whether a membership was looked up, and then writes where it comes from, and how many milliseconds ago the
/// store said it; each may be NULL. For NULL: false.
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

/// Returns whether the store is part of this process, so that no network was asked; false for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_embedded(explanation: Option<&bigseg_explanation>) -> bool {
    explanation.is_some_and(|explanation| explanation.explanation.embedded)
}

/// Returns why the store was not heard; `BIGSEG_OK` when it was, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_explanation_store_code(explanation: Option<&bigseg_explanation>) -> bigseg_code {
    let error = explanation.and_then(|explanation| explanation.explanation.error.as_ref());
    error.map_or(bigseg_code::BIGSEG_OK, |error| bigseg_code::of(error.kind()))
}

/// Returns the sentence that goes with that code, borrowed from the explanation; empty when the store was heard, and for
/// NULL.
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
