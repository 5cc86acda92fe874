//! Evaluation of flags and segments, in a build without the feature `segment`.

use bigseg::engine::Origin;
use bigseg::segment::{Evaluation, SegmentAnswer};
use bigseg::{ContextHash, Engine, Error, Result};

use super::left_out::left_out;

/// A context; there is none in this build.
#[derive(Clone)]
pub(crate) enum Context {}

/// An explanation; there is none in this build.
pub(crate) struct Explanation {
    pub(crate) answer: SegmentAnswer,
    pub(crate) hash: Option<ContextHash>,
    pub(crate) value: Option<bool>,
    pub(crate) origin: Option<Origin>,
    pub(crate) embedded: bool,
    pub(crate) error: Option<Error>,
}

impl Context {
    pub(crate) fn parse(_: &str) -> Result<Self> {
        Err(left_out("segment"))
    }

    pub(crate) fn kinds(&self) -> std::iter::Empty<&str> {
        match *self {}
    }
}

/// Fails in a build without evaluation.
pub(crate) fn require() -> Result<()> {
    Err(left_out("segment"))
}

pub(crate) fn set_data(_: &Engine, _: &str) -> Result<()> {
    Err(left_out("segment"))
}

pub(crate) fn load_data(_: &Engine, _: &str) -> Result<()> {
    Err(left_out("segment"))
}

pub(crate) fn reload_data(_: &Engine) -> Result<bool> {
    Err(left_out("segment"))
}

pub(crate) fn evaluate(_: &Engine, _: &str, context: &Context) -> Result<Evaluation> {
    match *context {}
}

pub(crate) fn evaluate_now(_: &Engine, _: &str, context: &Context) -> Result<Option<Evaluation>> {
    match *context {}
}

pub(crate) fn evaluate_then(
    _: &Engine,
    _: &str,
    context: &Context,
    _: impl FnOnce(Result<Evaluation>) + Send + 'static,
) -> Result<()> {
    match *context {}
}

pub(crate) fn segment_contains(_: &Engine, _: &str, context: &Context) -> Result<SegmentAnswer> {
    match *context {}
}

pub(crate) fn segment_contains_now(_: &Engine, _: &str, context: &Context) -> Result<Option<SegmentAnswer>> {
    match *context {}
}

pub(crate) fn segment_contains_then(
    _: &Engine,
    _: &str,
    context: &Context,
    _: impl FnOnce(Result<SegmentAnswer>) + Send + 'static,
) -> Result<()> {
    match *context {}
}

pub(crate) fn explain(_: &Engine, _: &str, context: &Context) -> Result<Explanation> {
    match *context {}
}
