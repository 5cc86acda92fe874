//! Is this context in that segment?
//!
//! The answer, and why. Lookups, blocking and errors are as for evaluations. An answer is immutable; any thread may use it.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use bigseg_core::segment::SegmentAnswer;

use crate::code::bigseg_code;
use crate::context::bigseg_context;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::evaluation::as_json;
use crate::guard::{guard, guard_value, non_null};
use crate::lookup::bigseg_lookup_status;
use crate::reason::bigseg_evaluation_error;
use crate::text::bigseg_str;
use crate::userdata::{Userdata, bigseg_destroy};

/// Whether a context is in a segment, and why.
pub struct bigseg_segment_answer {
    answer: SegmentAnswer,
    json: OnceLock<String>,
}

impl bigseg_segment_answer {
    pub(crate) fn new(answer: SegmentAnswer) -> Self {
        Self { answer, json: OnceLock::new() }
    }

    fn into_raw(answer: SegmentAnswer) -> *mut Self {
        Box::into_raw(Box::new(Self::new(answer)))
    }
}

/// Answers whether a context is in a segment. Free the answer with `bigseg_segment_answer_free`. Blocks as
/// `bigseg_engine_evaluate` does.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_segment_contains(
    engine: Option<&bigseg_engine>,
    segment_key: bigseg_str,
    context: Option<&bigseg_context>,
    answer: Option<&mut *mut bigseg_segment_answer>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let (segment_key, context) =
            (segment_key.utf8("segment_key")?, &non_null(context, "context")?.context);
        let place = non_null(answer, "answer")?;
        let answer = engine.segment_contains(segment_key, context).wait()?;
        *place = bigseg_segment_answer::into_raw(answer);
        Ok(())
    })
}

/// Does the same if it can be done without waiting; if the store would have to be asked, returns `BIGSEG_OK` with a NULL
/// answer. Does not block, but for reading an embedded store.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_segment_contains_now(
    engine: Option<&bigseg_engine>,
    segment_key: bigseg_str,
    context: Option<&bigseg_context>,
    answer: Option<&mut *mut bigseg_segment_answer>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let (segment_key, context) =
            (segment_key.utf8("segment_key")?, &non_null(context, "context")?.context);
        let place = non_null(answer, "answer")?;
        let answer = engine.segment_contains(segment_key, context).now()?;
        *place = answer.map_or(std::ptr::null_mut(), bigseg_segment_answer::into_raw);
        Ok(())
    })
}

/// Hears an answer, as a `bigseg_evaluation_callback` hears an evaluation; the answer is borrowed.
pub type bigseg_segment_answer_callback = Option<
    unsafe extern "C" fn(userdata: *mut c_void, code: bigseg_code, answer: *const bigseg_segment_answer),
>;

/// Answers whether a context is in a segment, and calls back, as `bigseg_engine_evaluate_async` does.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_segment_contains_async(
    engine: Option<&bigseg_engine>,
    segment_key: bigseg_str,
    context: Option<&bigseg_context>,
    callback: bigseg_segment_answer_callback,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let (segment_key, context) =
            (segment_key.utf8("segment_key")?, &non_null(context, "context")?.context);
        let callback = non_null(callback, "callback")?;
        engine.segment_contains(segment_key, context).then(move |answer| {
            // SAFETY: the host gave function and userdata together.
            let call = |code, answer| unsafe { callback(userdata.get(), code, answer) };
            match answer {
                Ok(answer) => {
                    let answer = bigseg_segment_answer::new(answer);
                    call(bigseg_code::BIGSEG_OK, &raw const answer);
                }
                Err(error) => call(bigseg_code::of(error.kind()), std::ptr::null()),
            }
        })
    })
}

/// Returns whether the context is in the segment; false for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_answer_is_match(answer: Option<&bigseg_segment_answer>) -> bool {
    answer.is_some_and(|answer| answer.answer.is_match)
}

/// Returns why there is no real answer, which is "no" then; `BIGSEG_EVALUATION_NO_ERROR` if there is one, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_answer_error(
    answer: Option<&bigseg_segment_answer>,
) -> bigseg_evaluation_error {
    bigseg_evaluation_error::of(answer.and_then(|answer| answer.answer.error_kind))
}

/// Returns whether any lookup was attempted or refused, and then writes the worst status of them, which may be NULL if
/// nobody wants it. For NULL: false.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_answer_status(
    answer: Option<&bigseg_segment_answer>,
    status: Option<&mut MaybeUninit<bigseg_lookup_status>>,
) -> bool {
    let Some(worst) = answer.and_then(|answer| answer.answer.status) else { return false };
    if let Some(status) = status {
        status.write(bigseg_lookup_status::of(worst));
    }
    true
}

/// Returns all of it as JSON, borrowed from the answer: `isMatch`, `errorKind`, `status`, and `decisions`, which say by
/// what the segment decided, and then each big segment that its rules ask for. Empty for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_answer_json(answer: Option<&bigseg_segment_answer>) -> bigseg_str {
    guard_value(bigseg_str::of(""), || match answer {
        Some(answer) => bigseg_str::of(answer.json.get_or_init(|| as_json(&answer.answer))),
        None => bigseg_str::of(""),
    })
}

/// Frees an answer.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_answer_free(answer: Option<Box<bigseg_segment_answer>>) {
    guard_value((), || drop(answer));
}
