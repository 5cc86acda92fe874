//! Context hashes, segment refs, and the names of error kinds and statuses.

use bigseg::{ContextHash, ContextKey, Error, ErrorKind, LookupStatus, SegmentRef};
use napi_derive::napi;

use crate::error::{OrThrow, Result, to_js_error};

/// Hashes a context key.
#[napi]
pub fn context_hash(context_key: String) -> Result<String> {
    Ok(ContextKey::new(&context_key).or_throw()?.hash().to_string())
}

/// Checks that a text is a context hash.
#[napi]
pub fn check_context_hash(text: String) -> Result<()> {
    ContextHash::parse(text).or_throw().map(drop)
}

/// The parts of a segment ref.
#[napi(object, object_from_js = false)]
pub struct SegmentRefParts {
    /// The segment's key.
    pub segment_key: String,
    /// The segment's generation, of 64 bits, in decimal.
    pub generation: String,
}

/// Splits a segment ref.
#[napi]
pub fn parse_segment_ref(text: String) -> Result<SegmentRefParts> {
    let parsed = SegmentRef::parse(&text).or_throw()?;
    let generation = parsed.generation().unwrap_or_default();
    Ok(SegmentRefParts { segment_key: parsed.segment_key().to_owned(), generation: generation.to_string() })
}

/// Builds a segment ref; the generation is in decimal.
#[napi]
pub fn segment_ref(segment_key: String, generation: String) -> Result<String> {
    let generation = generation.parse().map_err(|_| {
        let message = "a generation is a whole number from 0 to 18446744073709551615";
        to_js_error(&Error::new(ErrorKind::InvalidSegmentRef, message))
    })?;
    Ok(SegmentRef::new(&segment_key, generation).or_throw()?.as_str().to_owned())
}

/// One row of the table of error kinds.
#[napi(object, object_from_js = false)]
pub struct ErrorKindRow {
    /// The name that every language uses.
    pub name: String,
    /// The number in the C ABI.
    pub number: u32,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

/// Returns the table of error kinds.
#[napi]
pub fn error_kinds() -> Vec<ErrorKindRow> {
    let row = |kind: &ErrorKind| ErrorKindRow {
        name: kind.name().to_owned(),
        number: kind.number(),
        retryable: kind.retryable(),
    };
    ErrorKind::ALL.iter().map(row).collect()
}

/// Returns the names of the lookup statuses, best first; the code of an answer has the index.
#[napi]
pub fn lookup_statuses() -> Vec<String> {
    LookupStatus::ALL.iter().map(|status| status.name().to_owned()).collect()
}
