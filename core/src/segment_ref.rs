//! Segment refs: a segment's key and generation as the stores spell them
//! (docs/spec.md#segment-ref).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// `{segmentKey}.g{generation}`; cheap to clone.
///
/// A ref that was read from a store is kept byte for byte, even if it is malformed, because other
/// programs write to the store. [`SegmentRef::parse`] and [`SegmentRef::new`] are strict.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentRef(Arc<str>);

impl SegmentRef {
    /// Builds the ref of a segment's generation.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSegmentRef`] when the key is empty, or begins or ends with white space.
    pub fn new(segment_key: &str, generation: u64) -> Result<Self> {
        if segment_key.is_empty() || segment_key != segment_key.trim() {
            let message = "the segment key is empty, or begins or ends with white space";
            return Err(Error::new(ErrorKind::InvalidSegmentRef, message));
        }
        Ok(Self(format!("{segment_key}.g{generation}").into()))
    }

    /// Parses a well-formed ref.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSegmentRef`] unless the text is a key, `.g`, and a decimal generation
    /// without sign or leading zeros. The key is not empty and has no white space around it. The
    /// text is split at the last `.g`, so the key may contain dots. The message does not repeat the
    /// text: in a list with swapped columns it is a context key.
    pub fn parse(text: &str) -> Result<Self> {
        match split(text) {
            Some(_) => Ok(Self(text.into())),
            None => Err(Error::new(
                ErrorKind::InvalidSegmentRef,
                "this is not a segment ref; one looks like \"my-segment.g1\"",
            )),
        }
    }

    /// Takes a ref as a store holds it, unchecked.
    pub fn from_store(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the segment's key, or the whole text when it came from a store and is no well-formed
    /// ref.
    pub fn segment_key(&self) -> &str {
        split(&self.0).map_or(&self.0, |(key, _)| key)
    }

    /// Returns the segment's generation, or `None` when the text is no well-formed ref.
    pub fn generation(&self) -> Option<u64> {
        split(&self.0).map(|(_, generation)| generation)
    }
}

fn split(text: &str) -> Option<(&str, u64)> {
    let (key, digits) = text.rsplit_once(".g")?;
    let canonical =
        digits.bytes().all(|b| b.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    if key.is_empty() || key != key.trim() || !canonical {
        return None;
    }
    digits.parse().ok().map(|generation| (key, generation))
}

impl FromStr for SegmentRef {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl AsRef<str> for SegmentRef {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for SegmentRef {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SegmentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SegmentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}
