//! Contexts
//!
//! Who or what is evaluated. A context is read once, and evaluated as often as one likes, in any engine. Immutable; any
//! thread may use it. It holds keys, which nothing shows.

use bigseg_core::Context;

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::text::bigseg_str;

/// A context that was read.
pub struct bigseg_context {
    pub(crate) context: Context,
    kinds: Vec<String>,
}

/// Reads a context from JSON as the SDKs write it: `{"kind":"user","key":…}`, `{"kind":"multi","user":{…},"org":{…}}`, or
/// a legacy user. Free it with `bigseg_context_free`.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY` when a key is empty; `BIGSEG_INVALID_ARGUMENT` when it is not JSON, or not a
/// context.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_context_new(
    json: bigseg_str,
    context: Option<&mut *mut bigseg_context>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let place = non_null(context, "context")?;
        let context = Context::parse(json.utf8("json")?)?;
        let mut kinds: Vec<_> = context.kinds().map(str::to_owned).collect();
        kinds.sort_unstable();
        *place = Box::into_raw(Box::new(bigseg_context { context, kinds }));
        Ok(())
    })
}

/// Returns how many individual contexts it has; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_context_kind_count(context: Option<&bigseg_context>) -> usize {
    context.map_or(0, |context| context.kinds.len())
}

/// Returns the kind of an individual context, borrowed from the context. They are sorted by their bytes; beyond the last
/// one, and for NULL, the text is empty.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_context_kind_at(context: Option<&bigseg_context>, index: usize) -> bigseg_str {
    bigseg_str::of(context.and_then(|context| context.kinds.get(index)).map_or("", String::as_str))
}

/// Frees a context.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_context_free(context: Option<Box<bigseg_context>>) {
    guard_value((), || drop(context));
}
