//! Is this context in that segment?
//!
//! A segment answer says whether a context is in a segment, and why. Any segment can be asked for,
//! big or ordinary. The calls fail, block and look up memberships as evaluations of flags do. An
//! answer is immutable; any thread may use it.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use bigseg::segment::SegmentAnswer;

use crate::callback::{Userdata, bigseg_destroy};
use crate::code::bigseg_code;
use crate::context::bigseg_context;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::evaluation::as_json;
use crate::guard::{guard, guard_value};
use crate::lookup::bigseg_lookup_status;
use crate::optional::segment;
use crate::query::Query;
use crate::reason::bigseg_evaluation_error;
use crate::text::bigseg_str;

/// Whether a context is in a segment, and why.
pub struct bigseg_segment_answer {
    answer: SegmentAnswer,
    json: OnceLock<String>,
}

impl From<SegmentAnswer> for bigseg_segment_answer {
    fn from(answer: SegmentAnswer) -> Self {
        Self { answer, json: OnceLock::new() }
    }
}

/// Answers whether a context is in a segment. Free the answer with `bigseg_segment_answer_free`.
///
/// Blocks up to the lookup deadline for each membership that the store must answer. Does not block
/// when all memberships are cached, or are in a memory or embedded store.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_segment_contains(
    engine: Option<&bigseg_engine>,
    segment_key: bigseg_str,
    context: Option<&bigseg_context>,
    answer: Option<&mut *mut bigseg_segment_answer>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let query = Query::new(engine, segment_key, "segment_key", context)?;
        query.answer_into(answer, "answer", |engine, segment_key, context| {
            segment::segment_contains(engine, segment_key, context).map(Some)
        })
    })
}

/// Answers whether a context is in a segment, if that needs no waiting. If a store outside this
/// process would have to answer, it returns `BIGSEG_OK` and sets the answer to NULL. Free the
/// answer with `bigseg_segment_answer_free`.
///
/// Does not block, except to read an embedded store.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_segment_contains_now(
    engine: Option<&bigseg_engine>,
    segment_key: bigseg_str,
    context: Option<&bigseg_context>,
    answer: Option<&mut *mut bigseg_segment_answer>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let query = Query::new(engine, segment_key, "segment_key", context)?;
        query.answer_into(answer, "answer", segment::segment_contains_now)
    })
}

/// Called when a segment answer is complete. `code` is `BIGSEG_OK`; or `BIGSEG_CLOSED` when the
/// engine was closed first, and then `answer` is NULL. The answer is borrowed until the callback
/// returns: do not free it.
///
/// Called exactly once if the registering call returned `BIGSEG_OK`, and never otherwise. It runs
/// on a thread of the library that may block, possibly before the registering call has returned.
pub type bigseg_segment_answer_callback = Option<
    unsafe extern "C" fn(userdata: *mut c_void, code: bigseg_code, answer: *const bigseg_segment_answer),
>;

/// Answers whether a context is in a segment, and calls `callback` with the answer. Does not block.
/// The context can be freed when this returns.
///
/// Errors: if this call fails, `callback` is not called, and `userdata` is destroyed.
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
        let query = Query::new(engine, segment_key, "segment_key", context)?;
        query.answer_then(callback, userdata, segment::segment_contains_then)
    })
}

/// Returns whether the context is in the segment; false when the segment could not be evaluated,
/// and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_answer_is_match(answer: Option<&bigseg_segment_answer>) -> bool {
    answer.is_some_and(|answer| answer.answer.is_match)
}

/// Returns why the segment could not be evaluated; `BIGSEG_EVALUATION_NO_ERROR` when it was
/// evaluated, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_answer_error(
    answer: Option<&bigseg_segment_answer>,
) -> bigseg_evaluation_error {
    bigseg_evaluation_error::of(answer.and_then(|answer| answer.answer.error_kind))
}

/// Returns whether a lookup was needed, and then writes the worst status of all lookups to
/// `status`, which may be NULL. Returns false for NULL.
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

/// Returns the whole answer as JSON, borrowed from the answer; empty for NULL. The fields are
/// `isMatch`, `errorKind`, `status`, and `decisions`: what the segment decided, then each big
/// segment that its rules refer to.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_answer_json(answer: Option<&bigseg_segment_answer>) -> bigseg_str {
    guard_value(bigseg_str::of(""), || match answer {
        Some(answer) => bigseg_str::of(answer.json.get_or_init(|| as_json(&answer.answer))),
        None => bigseg_str::of(""),
    })
}

/// Frees a segment answer.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_answer_free(answer: Option<Box<bigseg_segment_answer>>) {
    guard_value((), || drop(answer));
}
