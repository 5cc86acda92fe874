//! The words that stores know contexts and segments by, and the engine's vocabulary.

use bigseg_core::{ContextHash, ContextKey, Error, ErrorKind, LookupStatus, SegmentRef, StoreConfig};
use napi_derive::napi;

use crate::error::{Raise, Result, raised};

/// Hashes a context key.
#[napi]
pub fn context_hash(context_key: String) -> Result<String> {
    Ok(ContextKey::new(&context_key).raise()?.hash().to_string())
}

/// Checks that a text is a context hash.
#[napi]
pub fn check_context_hash(text: String) -> Result<()> {
    ContextHash::parse(text).raise().map(drop)
}

/// The parts of a segment ref.
#[napi(object, object_from_js = false)]
pub struct SegmentRefParts {
    /// The segment's key.
    pub segment_key: String,
    /// The segment's generation, of 64 bits, in decimal.
    pub generation: String,
}

/// Takes a segment ref apart.
#[napi]
pub fn parse_segment_ref(text: String) -> Result<SegmentRefParts> {
    let parsed = SegmentRef::parse(&text).raise()?;
    let generation = parsed.generation().unwrap_or_default();
    Ok(SegmentRefParts { segment_key: parsed.segment_key().to_owned(), generation: generation.to_string() })
}

/// Builds a segment ref; the generation is in decimal.
#[napi]
pub fn segment_ref(segment_key: String, generation: String) -> Result<String> {
    let generation = generation.parse().map_err(|_| {
        let message = "a generation is a whole number from 0 to 18446744073709551615";
        raised(&Error::new(ErrorKind::InvalidSegmentRef, message))
    })?;
    Ok(SegmentRef::new(&segment_key, generation).raise()?.as_str().to_owned())
}

/// Writes a store string without its secrets and without options that have their default.
#[napi]
pub fn display_store(store: String) -> Result<String> {
    Ok(StoreConfig::parse(&store).raise()?.to_string())
}

/// One row of the table of error kinds.
#[napi(object, object_from_js = false)]
pub struct ErrorKindRow {
    /// The name that every language uses.
    pub name: String,
    /// The number that C uses.
    pub number: u32,
    /// Whether trying again may help.
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

/// Returns the names of the lookup statuses, best first; a status is known by its place.
#[napi]
pub fn lookup_statuses() -> Vec<String> {
    LookupStatus::ALL.iter().map(|status| status.name().to_owned()).collect()
}
