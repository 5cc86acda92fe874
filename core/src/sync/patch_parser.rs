//! Parses a JSON array of patches (docs/spec.md#upstream-protocol) while it arrives, patch by
//! patch, in bounded memory.
//!
//! The parser holds one JSON string of at most [`MAX_UNPARSED_BYTES`], and one patch of at most
//! [`MAX_CHUNK_OPERATIONS`](super::patch_buffer::MAX_CHUNK_OPERATIONS) operations. The rest of a
//! larger patch is in a temporary file.

use std::cell::Cell;
use std::fmt;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::patch_buffer::{BufferedChanges, ChangeList, PatchBuffer};
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind};
use crate::patch::{Changes, Patch};
use crate::segment_ref::SegmentRef;

/// The most bytes between two hashes or fields: it bounds the memory that one string can take.
const MAX_UNPARSED_BYTES: usize = 16 << 20;
const READ_BUFFER_BYTES: usize = 64 << 10;

/// A complete patch: its metadata without changes, and its changes.
pub(super) struct ParsedPatch {
    pub(super) head: Patch,
    pub(super) changes: BufferedChanges,
}

/// Why parsing ended before the end of the array.
#[derive(Debug)]
pub(super) enum ParseError {
    /// The callback asked to stop.
    Stopped,
    /// The input failed; its sender has the reason.
    InputFailed,
    /// The input is not a JSON array of patches.
    Malformed(Error),
    /// The temporary file for a large patch could not be written.
    DiskFull(Error),
}

/// Parses patches up to the end of the array; calls `on_patch` with each as soon as it is complete.
pub(super) fn parse_patches(
    input: impl Read,
    on_patch: &mut dyn FnMut(ParsedPatch) -> ControlFlow<()>,
) -> Result<(), ParseError> {
    let unparsed_bytes = Rc::new(Cell::new(0));
    let bounded = BoundedReader { input, unparsed_bytes: unparsed_bytes.clone() };
    let reader = BufReader::with_capacity(READ_BUFFER_BYTES, bounded);
    let mut json = serde_json::Deserializer::from_reader(reader);
    let mut array = PatchArray { on_patch, unparsed_bytes: &unparsed_bytes, error: None };
    let parsed = array.deserialize(&mut json).and_then(|()| json.end());
    if let Some(error) = array.error {
        return Err(error);
    }
    parsed.map_err(|e| {
        if unparsed_bytes.get() > MAX_UNPARSED_BYTES {
            return malformed(&format!("a single text is longer than {MAX_UNPARSED_BYTES} bytes"), &e);
        }
        match e.classify() {
            Category::Io => ParseError::InputFailed,
            // The messages of these two categories never repeat any of the data.
            Category::Syntax | Category::Eof => malformed(&e.to_string(), &e),
            Category::Data => malformed("valid JSON, but not an array of patches", &e),
        }
    })
}

fn malformed(what: &str, at: &serde_json::Error) -> ParseError {
    let line = at.line();
    let column = at.column();
    let message = format!("parsing the upstream's patches: line {line}, column {column}: {what}");
    ParseError::Malformed(Error::new(ErrorKind::UpstreamData, message))
}

/// Counts the bytes read since the parser last completed a hash or a field, and limits them.
struct BoundedReader<R> {
    input: R,
    unparsed_bytes: Rc<Cell<usize>>,
}

impl<R: Read> Read for BoundedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.unparsed_bytes.set(self.unparsed_bytes.get() + length);
        if self.unparsed_bytes.get() > MAX_UNPARSED_BYTES + READ_BUFFER_BYTES {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        Ok(length)
    }
}

/// Deserializes the array. `error` has the typed error, because an error of serde has only text.
struct PatchArray<'a> {
    on_patch: &'a mut dyn FnMut(ParsedPatch) -> ControlFlow<()>,
    unparsed_bytes: &'a Cell<usize>,
    error: Option<ParseError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum PatchField {
    EnvironmentId,
    SegmentId,
    Version,
    PreviousVersion,
    Changes,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum ChangesField {
    Included,
    Excluded,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum ListField {
    Add,
    Remove,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for &mut PatchArray<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut PatchArray<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of patches")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut patches: A) -> Result<(), A::Error> {
        loop {
            let seed = PatchObject { unparsed_bytes: self.unparsed_bytes, error: &mut self.error };
            let Some(patch) = patches.next_element_seed(seed)? else { return Ok(()) };
            if (self.on_patch)(patch).is_break() {
                self.error = Some(ParseError::Stopped);
                return Err(A::Error::custom("stopped by the callback"));
            }
        }
    }
}

/// Deserializes one patch.
struct PatchObject<'a> {
    unparsed_bytes: &'a Cell<usize>,
    error: &'a mut Option<ParseError>,
}

impl<'de> DeserializeSeed<'de> for PatchObject<'_> {
    type Value = ParsedPatch;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ParsedPatch, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PatchObject<'_> {
    type Value = ParsedPatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a patch")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<ParsedPatch, A::Error> {
        let mut head = Patch {
            environment_id: String::new(),
            segment_id: String::new(),
            version: String::new(),
            previous_version: String::new(),
            changes: Changes::default(),
        };
        let mut buffer = PatchBuffer::default();
        let mut has_changes = false;
        while let Some(field) = fields.next_key()? {
            let mut text = || fields.next_value::<Option<String>>().map(Option::unwrap_or_default);
            match field {
                PatchField::EnvironmentId => head.environment_id = text()?,
                PatchField::SegmentId => head.segment_id = text()?,
                PatchField::Version => head.version = text()?,
                PatchField::PreviousVersion => head.previous_version = text()?,
                PatchField::Changes if has_changes => return Err(A::Error::duplicate_field("changes")),
                PatchField::Changes => {
                    has_changes = true;
                    fields.next_value_seed(ChangesObject {
                        buffer: &mut buffer,
                        unparsed_bytes: self.unparsed_bytes,
                        error: &mut *self.error,
                        level: Level::Changes,
                    })?;
                }
                PatchField::Other => drop(fields.next_value::<IgnoredAny>()?),
            }
            self.unparsed_bytes.set(0);
        }
        SegmentRef::parse(&head.segment_id).map_err(A::Error::custom)?;
        let changes = buffer.finish().map_err(|e| {
            *self.error = Some(ParseError::DiskFull(e));
            A::Error::custom("the temporary file failed")
        })?;
        Ok(ParsedPatch { head, changes })
    }
}

/// How deep inside `changes` a value is.
#[derive(Clone, Copy)]
enum Level {
    /// `changes`: the sides.
    Changes,
    /// `changes.included` or `changes.excluded`: the lists `add` and `remove`.
    Side(Side),
    /// One list of hashes.
    Hashes(ChangeList),
}

#[derive(Clone, Copy)]
enum Side {
    Included,
    Excluded,
}

/// Deserializes `changes` or a part of it; each may be null.
struct ChangesObject<'a> {
    buffer: &'a mut PatchBuffer,
    unparsed_bytes: &'a Cell<usize>,
    error: &'a mut Option<ParseError>,
    level: Level,
}

impl ChangesObject<'_> {
    fn nested(&mut self, level: Level) -> ChangesObject<'_> {
        ChangesObject { buffer: self.buffer, unparsed_bytes: self.unparsed_bytes, error: self.error, level }
    }

    fn visit_sides<'de, A: MapAccess<'de>>(&mut self, mut fields: A) -> Result<(), A::Error> {
        while let Some(field) = fields.next_key()? {
            let side = match field {
                ChangesField::Included => Side::Included,
                ChangesField::Excluded => Side::Excluded,
                ChangesField::Other => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            fields.next_value_seed(self.nested(Level::Side(side)))?;
        }
        Ok(())
    }

    fn visit_lists<'de, A: MapAccess<'de>>(&mut self, side: Side, mut fields: A) -> Result<(), A::Error> {
        while let Some(field) = fields.next_key()? {
            let list = match (side, field) {
                (Side::Included, ListField::Add) => ChangeList::IncludedAdd,
                (Side::Included, ListField::Remove) => ChangeList::IncludedRemove,
                (Side::Excluded, ListField::Add) => ChangeList::ExcludedAdd,
                (Side::Excluded, ListField::Remove) => ChangeList::ExcludedRemove,
                (_, ListField::Other) => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            fields.next_value_seed(self.nested(Level::Hashes(list)))?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for ChangesObject<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for ChangesObject<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.level, Level::Hashes(_)) { "a list of hashes" } else { "changes" })
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.level {
            Level::Hashes(_) => deserializer.deserialize_seq(self),
            Level::Changes | Level::Side(_) => deserializer.deserialize_map(self),
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, fields: A) -> Result<(), A::Error> {
        match self.level {
            Level::Changes => self.visit_sides(fields),
            Level::Side(side) => self.visit_lists(side, fields),
            Level::Hashes(_) => Err(A::Error::custom("expected a list")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut hashes: A) -> Result<(), A::Error> {
        let Level::Hashes(list) = self.level else { return Err(A::Error::custom("expected an object")) };
        while let Some(hash) = hashes.next_element::<ContextHash>()? {
            self.unparsed_bytes.set(0);
            if let Err(e) = self.buffer.push(list, hash) {
                *self.error = Some(ParseError::DiskFull(e));
                return Err(A::Error::custom("the temporary file failed"));
            }
        }
        Ok(())
    }
}
