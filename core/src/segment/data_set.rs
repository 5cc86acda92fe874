//! The flags and segments of an environment, ready for evaluation.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use launchdarkly_server_sdk_evaluation as ld;
use serde_json::{Map, Value};

use super::payload::{self, SchemaError};
use super::reference_depth::reference_depths;
use super::variants::{Variants, probe_flag, to_model};
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;

/// The longest chain of flags and segments that refer to one another. A longer chain is malformed,
/// because its evaluation could exhaust the stack of the caller's thread.
pub const MAX_REFERENCE_DEPTH: usize = 100;

/// Flags and segments; immutable, `Send + Sync`.
pub struct DataSet {
    flags: HashMap<String, FlagEntry>,
    segments: HashMap<String, SegmentEntry>,
}

/// A flag.
pub(super) struct FlagEntry {
    pub(super) model: ld::Flag,
    pub(super) variations: Vec<Value>,
    /// Whether a chain of references from here exceeds [`MAX_REFERENCE_DEPTH`].
    pub(super) is_too_deep: bool,
}

/// A segment.
pub(super) struct SegmentEntry {
    pub(super) key: Arc<str>,
    pub(super) variants: Variants,
    /// A flag that serves variation 1 to the contexts in this segment.
    pub(super) probe_flag: ld::Flag,
    pub(super) rule_ids: Vec<Option<Arc<str>>>,
    /// Whether a chain of references from here exceeds [`MAX_REFERENCE_DEPTH`].
    pub(super) is_too_deep: bool,
    /// The number of this segment in its data set, for traces.
    pub(super) number: usize,
}

impl DataSet {
    /// Parses the JSON of the service: `{"flags":{…},"segments":{…}}`, of which one may be missing.
    ///
    /// It accepts what the official SDKs accept. An invalid item fails the whole data set, as it
    /// does in the SDKs, so that no evaluation sees half of a change.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when the text is not JSON, or not flags and segments. The
    /// message says where and what is wrong. It does not repeat any value, because that may be a
    /// context key.
    pub fn parse(json: &str) -> Result<Self> {
        let data: Value = serde_json::from_str(json).map_err(|e| {
            let place = format!("line {}, column {}", e.line(), e.column());
            invalid(format!("the data are not JSON, or are cut short ({place})"))
        })?;
        let flags = section(&data, "flags")?;
        let segments = section(&data, "segments")?;
        if flags.is_none() && segments.is_none() {
            return Err(invalid("the data have neither \"flags\" nor \"segments\"".to_owned()));
        }
        let flags = parse_items(flags, "flag", payload::flag)?;
        let segments = parse_items(segments, "segment", payload::segment)?;
        let depths = depths(&flags, &segments);
        let is_too_deep = |number: usize| depths[number] > MAX_REFERENCE_DEPTH;
        let first_segment = flags.len();
        let flags = flags.into_iter().enumerate().map(|(number, (key, flag))| {
            let entry = FlagEntry {
                model: to_model(flag.model, "flag", &key)?,
                variations: flag.variations,
                is_too_deep: is_too_deep(number),
            };
            Ok((key, entry))
        });
        let flags = flags.collect::<Result<_>>()?;
        let segments = segments.into_iter().enumerate().map(|(number, (key, segment))| {
            let entry = SegmentEntry {
                variants: Variants::new(&key, &segment, number)?,
                probe_flag: probe_flag(&key)?,
                key: segment.key.into(),
                rule_ids: segment.rule_ids.into_iter().map(|id| id.map(Into::into)).collect(),
                is_too_deep: is_too_deep(first_segment + number),
                number,
            };
            Ok((key, entry))
        });
        Ok(Self { flags, segments: segments.collect::<Result<_>>()? })
    }

    /// Returns the keys of the flags, in no order.
    pub fn flag_keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.flags.keys().map(String::as_str)
    }

    /// Returns the keys of the segments, in no order.
    pub fn segment_keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.segments.keys().map(String::as_str)
    }

    /// Returns whether a segment is a big segment; `None` when there is no segment with that key.
    pub fn is_big(&self, segment_key: &str) -> Option<bool> {
        self.segment(segment_key).map(|entry| matches!(entry.variants, Variants::Big(_)))
    }

    /// Returns the segment ref and the context kind of a big segment; `None` when the segment is
    /// not a big segment, or its generation is missing.
    pub fn big_segment(&self, segment_key: &str) -> Option<(&SegmentRef, &str)> {
        match &self.segment(segment_key)?.variants {
            Variants::Big(big) => Some((big.segment_ref.as_ref()?, &big.context_kind)),
            Variants::Ordinary(_) => None,
        }
    }

    pub(super) fn flag(&self, key: &str) -> Option<&FlagEntry> {
        self.flags.get(key)
    }

    pub(super) fn segment(&self, key: &str) -> Option<&SegmentEntry> {
        self.segments.get(key)
    }
}

impl fmt::Debug for DataSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataSet")
            .field("flags", &self.flags.len())
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

fn section<'a>(data: &'a Value, name: &str) -> Result<Option<&'a Map<String, Value>>> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(section)) => Ok(Some(section)),
        Some(_) => Err(invalid(format!("\"{name}\" of the data is not an object"))),
    }
}

/// Parses every item that is not deleted.
fn parse_items<T>(
    items: Option<&Map<String, Value>>,
    noun: &str,
    parse: impl Fn(&Value) -> Result<Option<T>, SchemaError>,
) -> Result<Vec<(String, T)>> {
    let items = items.into_iter().flatten().filter_map(|(key, value)| match parse(value) {
        Ok(item) => Some(Ok((key.clone(), item?))),
        Err(e) => Some(Err(invalid(e.message(&format!("the {noun} {key:?}"))))),
    });
    items.collect()
}

/// Returns the length of the longest chain of references from each flag, then from each segment.
fn depths(flags: &[(String, payload::Flag)], segments: &[(String, payload::Segment)]) -> Vec<usize> {
    let flag_numbers = numbers(flags, 0);
    let segment_numbers = numbers(segments, flags.len());
    let from_flags = flags.iter().map(|(_, flag)| {
        let mut references = find_numbers(&flag_numbers, &flag.prerequisites);
        references.extend(find_numbers(&segment_numbers, &flag.segments));
        references
    });
    let from_segments = segments.iter().map(|(_, segment)| find_numbers(&segment_numbers, &segment.segments));
    reference_depths(&from_flags.chain(from_segments).collect::<Vec<_>>())
}

/// Numbers items by their keys.
fn numbers<T>(items: &[(String, T)], first: usize) -> HashMap<&str, usize> {
    items.iter().enumerate().map(|(number, (key, _))| (key.as_str(), first + number)).collect()
}

fn find_numbers(numbers: &HashMap<&str, usize>, keys: &[String]) -> Vec<usize> {
    keys.iter().filter_map(|key| numbers.get(key.as_str()).copied()).collect()
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
