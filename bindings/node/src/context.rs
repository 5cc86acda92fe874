//! The context that is evaluated, as a value of JavaScript's that only this module can look into.

use bigseg_core::Context;
use napi::bindgen_prelude::External;
use napi_derive::napi;

use crate::error::{Raise, Result};

/// Reads a context from JSON.
#[napi]
pub fn read_context(json: String) -> Result<External<Context>> {
    let size = json.len();
    Ok(External::new_with_size_hint(Context::parse(&json).raise()?, size))
}

/// Returns the kinds of a context's individual contexts, sorted.
#[napi]
pub fn context_kinds(context: &External<Context>) -> Vec<String> {
    let mut kinds: Vec<_> = context.kinds().map(str::to_owned).collect();
    kinds.sort_unstable();
    kinds
}
