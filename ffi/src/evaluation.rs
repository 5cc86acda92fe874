//! Evaluations
//!
//! What a flag serves a context, and why. Memberships are looked up one after the other as rules come to ask for them,
//! each at most once.
//!
//! The default that a program serves when there is nothing to evaluate never goes in: it is what the program takes when
//! the evaluation has no variation. `bigseg_evaluation_bool` and its kin do so.
//!
//! An evaluation fails only on misuse: `BIGSEG_CLOSED`, `BIGSEG_FORKED`. Whatever else goes wrong is in its reason. It is
//! immutable; any thread may use it.

use std::ffi::c_void;
use std::sync::OnceLock;

use bigseg_core::segment::Evaluation;
use serde_json::Value;

use crate::code::bigseg_code;
use crate::context::bigseg_context;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::reason::bigseg_reason;
use crate::sized::{size_of_struct, write_struct};
use crate::text::bigseg_str;
use crate::userdata::{Userdata, bigseg_destroy};

/// What a flag serves a context, and why.
pub struct bigseg_evaluation {
    evaluation: Evaluation,
    value: OnceLock<String>,
    json: OnceLock<String>,
}

impl bigseg_evaluation {
    fn new(evaluation: Evaluation) -> Self {
        Self { evaluation, value: OnceLock::new(), json: OnceLock::new() }
    }

    fn into_raw(evaluation: Evaluation) -> *mut Self {
        Box::into_raw(Box::new(Self::new(evaluation)))
    }

    /// Returns the value, unless it is to be the caller's default.
    fn served(&self) -> Option<&Value> {
        self.evaluation.variation.map(|_| &self.evaluation.value)
    }
}

/// Evaluates a flag for a context. Free the evaluation with `bigseg_evaluation_free`.
///
/// Blocks until the store has answered, at most for the lookup deadline each time it is asked; not at all when everything
/// is cached, or in a memory or embedded store.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_evaluate(
    engine: Option<&bigseg_engine>,
    flag_key: bigseg_str,
    context: Option<&bigseg_context>,
    evaluation: Option<&mut *mut bigseg_evaluation>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let (flag_key, context) = (flag_key.utf8("flag_key")?, &non_null(context, "context")?.context);
        let place = non_null(evaluation, "evaluation")?;
        let evaluated = engine.evaluate(flag_key, context).wait()?;
        *place = bigseg_evaluation::into_raw(evaluated);
        Ok(())
    })
}

/// Does the same if it can be done without waiting; if the store would have to be asked, returns `BIGSEG_OK` with a NULL
/// evaluation. Does not block, but for reading an embedded store.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_evaluate_now(
    engine: Option<&bigseg_engine>,
    flag_key: bigseg_str,
    context: Option<&bigseg_context>,
    evaluation: Option<&mut *mut bigseg_evaluation>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let (flag_key, context) = (flag_key.utf8("flag_key")?, &non_null(context, "context")?.context);
        let place = non_null(evaluation, "evaluation")?;
        let evaluated = engine.evaluate(flag_key, context).now()?;
        *place = evaluated.map_or(std::ptr::null_mut(), bigseg_evaluation::into_raw);
        Ok(())
    })
}

/// Hears how an evaluation ended. `code` is `BIGSEG_OK`; or `BIGSEG_CLOSED` when the engine was closed meanwhile, and then
/// `evaluation` is NULL. The evaluation is borrowed until the callback returns: do not free it.
///
/// Called exactly once if the call that registered it returned `BIGSEG_OK`, and never otherwise; on a thread of the
/// library that may block, possibly before the registering call has returned.
pub type bigseg_evaluation_callback = Option<
    unsafe extern "C" fn(userdata: *mut c_void, code: bigseg_code, evaluation: *const bigseg_evaluation),
>;

/// Evaluates a flag for a context, and calls back. Does not block; the context may be freed at once.
///
/// Errors: at once; then `callback` is not called, and `userdata` is destroyed.
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
        let engine = bigseg_engine::get(engine)?;
        let (flag_key, context) = (flag_key.utf8("flag_key")?, &non_null(context, "context")?.context);
        let callback = non_null(callback, "callback")?;
        engine.evaluate(flag_key, context).then(move |evaluated| {
            // SAFETY: the host gave function and userdata together.
            let call = |code, evaluation| unsafe { callback(userdata.get(), code, evaluation) };
            match evaluated {
                Ok(evaluation) => {
                    let evaluation = bigseg_evaluation::new(evaluation);
                    call(bigseg_code::BIGSEG_OK, &raw const evaluation);
                }
                Err(error) => call(bigseg_code::of(error.kind()), std::ptr::null()),
            }
        })
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

/// Returns the index of the variation; -1 when the program's default is to be served, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_variation(evaluation: Option<&bigseg_evaluation>) -> i64 {
    read(evaluation, -1, |evaluation| i64::try_from(evaluation.evaluation.variation?).ok())
}

/// Returns the value as JSON, borrowed from the evaluation; empty when the program's default is to be served, and for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_value(evaluation: Option<&bigseg_evaluation>) -> bigseg_str {
    read(evaluation, bigseg_str::of(""), |evaluation| {
        let value = evaluation.served()?;
        Some(bigseg_str::of(evaluation.value.get_or_init(|| value.to_string())))
    })
}

/// Returns the value if it is true or false; otherwise, and for NULL, `otherwise`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_bool(evaluation: Option<&bigseg_evaluation>, otherwise: bool) -> bool {
    read(evaluation, otherwise, |evaluation| evaluation.served()?.as_bool())
}

/// Returns the value if it is a number; otherwise, and for NULL, `otherwise`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_number(evaluation: Option<&bigseg_evaluation>, otherwise: f64) -> f64 {
    read(evaluation, otherwise, |evaluation| evaluation.served()?.as_f64())
}

/// Returns the value if it is text, borrowed from the evaluation; otherwise, and for NULL, `otherwise`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_text(
    evaluation: Option<&bigseg_evaluation>,
    otherwise: bigseg_str,
) -> bigseg_str {
    read(evaluation, otherwise, |evaluation| Some(bigseg_str::of(evaluation.served()?.as_str()?)))
}

/// Gives out why. Set `reason->struct_size` first; its texts are borrowed from the evaluation.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` only.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_reason(
    evaluation: Option<&bigseg_evaluation>,
    reason: *mut bigseg_reason,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let evaluation = non_null(evaluation, "evaluation")?;
        // SAFETY: the header asks for a struct that is as long as it says.
        let size = unsafe { size_of_struct(reason, "reason") }?;
        // SAFETY: `size` is what the struct says.
        unsafe { write_struct(reason, size, &bigseg_reason::of(&evaluation.evaluation.reason)) };
        Ok(())
    })
}

/// Returns all of it as JSON, borrowed from the evaluation: `value` (null where the program's default is to be served),
/// `variation`, `reason`, and `decisions`, which say of each big segment that was asked for by what it decided. Empty for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_json(evaluation: Option<&bigseg_evaluation>) -> bigseg_str {
    read(evaluation, bigseg_str::of(""), |evaluation| {
        Some(bigseg_str::of(evaluation.json.get_or_init(|| as_json(&evaluation.evaluation))))
    })
}

/// Writes an answer of the core's as JSON.
pub(crate) fn as_json(answer: &impl serde::Serialize) -> String {
    serde_json::to_string(answer).expect("answers have nothing that JSON cannot say")
}

/// Frees an evaluation.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_evaluation_free(evaluation: Option<Box<bigseg_evaluation>>) {
    guard_value((), || drop(evaluation));
}
