//! Evaluations
//!
//! An evaluation is the value that a flag serves for a context, and why. Memberships are looked up
//! when a rule first needs them, each at most once.
//!
//! The library never needs the program's default value: an evaluation without a variation means
//! that the program uses its default. `bigseg_evaluation_bool`, `bigseg_evaluation_number` and
//! `bigseg_evaluation_text` take the default and return it then.
//!
//! An evaluation call fails only on misuse, with `BIGSEG_CLOSED`, `BIGSEG_FORKED` or an argument
//! error, and with `BIGSEG_UNSUPPORTED` in a library that was built without evaluation. Every other
//! problem is in the reason. An evaluation is immutable; any thread may use it.

use std::ffi::c_void;
use std::sync::OnceLock;

use bigseg::segment::Evaluation;
use serde_json::Value;

use crate::callback::{Userdata, bigseg_destroy};
use crate::code::bigseg_code;
use crate::context::bigseg_context;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::optional::segment;
use crate::query::Query;
use crate::reason::bigseg_reason;
use crate::sized::{size_of_struct, write_struct};
use crate::text::bigseg_str;

/// The value that a flag serves for a context, and why.
pub struct bigseg_evaluation {
    evaluation: Evaluation,
    value: OnceLock<String>,
    json: OnceLock<String>,
}

impl From<Evaluation> for bigseg_evaluation {
    fn from(evaluation: Evaluation) -> Self {
        Self { evaluation, value: OnceLock::new(), json: OnceLock::new() }
    }
}

impl bigseg_evaluation {
    /// Returns the value; `None` when the caller's default applies.
    fn served(&self) -> Option<&Value> {
        self.evaluation.variation.map(|_| &self.evaluation.value)
    }
}

/// Evaluates a flag for a context. Free the evaluation with `bigseg_evaluation_free`.
///
/// Blocks up to the lookup deadline for each membership that the store must answer. Does not block
/// when all memberships are cached, or are in a memory or embedded store.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_evaluate(
    engine: Option<&bigseg_engine>,
    flag_key: bigseg_str,
    context: Option<&bigseg_context>,
    evaluation: Option<&mut *mut bigseg_evaluation>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let query = Query::new(engine, flag_key, "flag_key", context)?;
        query.answer_into(evaluation, "evaluation", |engine, flag_key, context| {
            segment::evaluate(engine, flag_key, context).map(Some)
        })
    })
}

/// Evaluates a flag for a context, if that needs no waiting. If a store outside this process would
/// have to answer, it returns `BIGSEG_OK` and sets the evaluation to NULL. Free the evaluation with
/// `bigseg_evaluation_free`.
///
/// Does not block, except to read an embedded store.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_evaluate_now(
    engine: Option<&bigseg_engine>,
    flag_key: bigseg_str,
    context: Option<&bigseg_context>,
    evaluation: Option<&mut *mut bigseg_evaluation>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let query = Query::new(engine, flag_key, "flag_key", context)?;
        query.answer_into(evaluation, "evaluation", segment::evaluate_now)
    })
}

/// Called when an evaluation is complete. `code` is `BIGSEG_OK`; or `BIGSEG_CLOSED` when the engine
/// was closed first, and then `evaluation` is NULL. The evaluation is borrowed until the callback
/// returns: do not free it.
///
/// Called exactly once if the registering call returned `BIGSEG_OK`, and never otherwise. It runs
/// on a thread of the library that may block, possibly before the registering call has returned.
pub type bigseg_evaluation_callback = Option<
    unsafe extern "C" fn(userdata: *mut c_void, code: bigseg_code, evaluation: *const bigseg_evaluation),
>;

/// Evaluates a flag for a context, and calls `callback` with the evaluation. Does not block. The
/// context can be freed when this returns.
///
/// Errors: if this call fails, `callback` is not called, and `userdata` is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_evaluate_async(
    engine: Option<&bigseg_engine>,
    flag_key: bigseg_str,
    context: Option<&bigseg_context>,
    callback: bigseg_evaluation_callback,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    guard(error, || {
        let query = Query::new(engine, flag_key, "flag_key", context)?;
        query.answer_then(callback, userdata, segment::evaluate_then)
    })
}

/// Reads a field, or returns what is documented for NULL.
fn read<'a, T>(
    evaluation: Option<&'a bigseg_evaluation>,
    fallback: T,
    field: impl FnOnce(&'a bigseg_evaluation) -> Option<T>,
) -> T
where
    T: Copy,
{
    guard_value(fallback, || evaluation.and_then(field).unwrap_or(fallback))
}

/// Returns the index of the variation; -1 when the program's default applies, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_variation(evaluation: Option<&bigseg_evaluation>) -> i64 {
    read(evaluation, -1, |evaluation| i64::try_from(evaluation.evaluation.variation?).ok())
}

/// Returns the value as JSON, borrowed from the evaluation; empty when the program's default
/// applies, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_value(evaluation: Option<&bigseg_evaluation>) -> bigseg_str {
    read(evaluation, bigseg_str::of(""), |evaluation| {
        let value = evaluation.served()?;
        Some(bigseg_str::of(evaluation.value.get_or_init(|| value.to_string())))
    })
}

/// Returns the value if it is a boolean; returns `otherwise` if it is not, when the program's
/// default applies, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_bool(evaluation: Option<&bigseg_evaluation>, otherwise: bool) -> bool {
    read(evaluation, otherwise, |evaluation| evaluation.served()?.as_bool())
}

/// Returns the value if it is a number; returns `otherwise` if it is not, when the program's
/// default applies, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_number(evaluation: Option<&bigseg_evaluation>, otherwise: f64) -> f64 {
    read(evaluation, otherwise, |evaluation| evaluation.served()?.as_f64())
}

/// Returns the value if it is text, borrowed from the evaluation; returns `otherwise` if it is not,
/// when the program's default applies, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_text(
    evaluation: Option<&bigseg_evaluation>,
    otherwise: bigseg_str,
) -> bigseg_str {
    read(evaluation, otherwise, |evaluation| Some(bigseg_str::of(evaluation.served()?.as_str()?)))
}

/// Writes the reason to `reason`. Set `reason->struct_size` first. Its texts are borrowed from the
/// evaluation.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_reason(
    evaluation: Option<&bigseg_evaluation>,
    reason: *mut bigseg_reason,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let evaluation = non_null(evaluation, "evaluation")?;
        // SAFETY: the header requires a struct of at least `struct_size` bytes.
        let size = unsafe { size_of_struct(reason, "reason") }?;
        // SAFETY: `size` is the size that the struct states.
        unsafe { write_struct(reason, size, &bigseg_reason::of(&evaluation.evaluation.reason)) };
        Ok(())
    })
}

/// Returns the whole evaluation as JSON, borrowed from the evaluation; empty for NULL. The fields
/// are `value` (null when the program's default applies), `variation`, `reason`, and `decisions`:
/// what each big segment decided.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_json(evaluation: Option<&bigseg_evaluation>) -> bigseg_str {
    read(evaluation, bigseg_str::of(""), |evaluation| {
        Some(bigseg_str::of(evaluation.json.get_or_init(|| as_json(&evaluation.evaluation))))
    })
}

/// Serialises an answer of core.
pub(crate) fn as_json(answer: &impl serde::Serialize) -> String {
    serde_json::to_string(answer).expect("an answer has only string keys")
}

/// Frees an evaluation.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_free(evaluation: Option<Box<bigseg_evaluation>>) {
    guard_value((), || drop(evaluation));
}
