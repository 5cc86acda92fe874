//! Evaluation of flags and segments.

use bigseg::segment::{Evaluation, SegmentAnswer};
use bigseg::{Engine, Result};

pub(crate) use bigseg::Context;
pub(crate) use bigseg::engine::Explanation;

/// Fails in a build without evaluation.
pub(crate) fn require() -> Result<()> {
    Ok(())
}

pub(crate) fn set_data(engine: &Engine, json: &str) -> Result<()> {
    engine.set_data(json)
}

pub(crate) fn load_data(engine: &Engine, path: &str) -> Result<()> {
    engine.load_data(path)
}

pub(crate) fn reload_data(engine: &Engine) -> Result<bool> {
    engine.reload_data()
}

/// Evaluates a flag, and blocks up to the deadline. The default is JSON null.
pub(crate) fn evaluate(engine: &Engine, flag_key: &str, context: &Context) -> Result<Evaluation> {
    engine.evaluate(flag_key, context).wait()
}

/// Evaluates a flag if that needs no waiting.
pub(crate) fn evaluate_now(engine: &Engine, flag_key: &str, context: &Context) -> Result<Option<Evaluation>> {
    engine.evaluate(flag_key, context).now()
}

pub(crate) fn evaluate_then(
    engine: &Engine,
    flag_key: &str,
    context: &Context,
    callback: impl FnOnce(Result<Evaluation>) + Send + 'static,
) -> Result<()> {
    engine.evaluate(flag_key, context).then(callback)
}

/// Evaluates a segment, and blocks up to the deadline.
pub(crate) fn segment_contains(
    engine: &Engine,
    segment_key: &str,
    context: &Context,
) -> Result<SegmentAnswer> {
    engine.segment_contains(segment_key, context).wait()
}

/// Evaluates a segment if that needs no waiting.
pub(crate) fn segment_contains_now(
    engine: &Engine,
    segment_key: &str,
    context: &Context,
) -> Result<Option<SegmentAnswer>> {
    engine.segment_contains(segment_key, context).now()
}

pub(crate) fn segment_contains_then(
    engine: &Engine,
    segment_key: &str,
    context: &Context,
    callback: impl FnOnce(Result<SegmentAnswer>) + Send + 'static,
) -> Result<()> {
    engine.segment_contains(segment_key, context).then(callback)
}

/// Explains a segment, and blocks up to the deadline.
pub(crate) fn explain(engine: &Engine, segment_key: &str, context: &Context) -> Result<Explanation> {
    engine.explain(segment_key, context).wait()
}
