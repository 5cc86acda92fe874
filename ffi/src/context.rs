//! Contexts
//!
//! A context is who or what a flag or segment is evaluated for. It can be used for any number of
//! evaluations, in any engine. It is immutable; any thread may use it. No message shows its keys.

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::optional::segment::{self, Context};
use crate::text::bigseg_str;

/// A parsed context.
pub struct bigseg_context {
    pub(crate) context: Context,
    kinds: Vec<String>,
}

/// Parses a context from JSON in the format of the SDKs: `{"kind":"user","key":…}`,
/// `{"kind":"multi","user":{…},"org":{…}}`, or a legacy user,
/// `{"key":…,"custom":{…}}`. Free it with `bigseg_context_free`.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY` when a key is empty; `BIGSEG_INVALID_ARGUMENT` when the
/// text is not JSON, or not a context; `BIGSEG_UNSUPPORTED` in a library that was built without
/// evaluation.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_context_new(
    json: bigseg_str,
    context: Option<&mut *mut bigseg_context>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        segment::require()?;
        let output = non_null(context, "context")?;
        let context = Context::parse(json.utf8("json")?)?;
        let mut kinds: Vec<_> = context.kinds().map(str::to_owned).collect();
        kinds.sort_unstable();
        *output = Box::into_raw(Box::new(bigseg_context { context, kinds }));
        Ok(())
    })
}

/// Returns the number of context kinds in the context; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_context_kind_count(context: Option<&bigseg_context>) -> usize {
    context.map_or(0, |context| context.kinds.len())
}

/// Returns a context kind, borrowed from the context. The kinds are sorted by their bytes. Beyond
/// the last one, and for NULL, the text is empty.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_context_kind_at(context: Option<&bigseg_context>, index: usize) -> bigseg_str {
    bigseg_str::of(context.and_then(|context| context.kinds.get(index)).map_or("", String::as_str))
}

/// Frees a context.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_context_free(context: Option<Box<bigseg_context>>) {
    guard_value((), || drop(context));
}
