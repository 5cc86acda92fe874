//! Reads a JSON array of patches while it arrives, patch by patch, in bounded memory (docs/spec.md#upstream-protocol).
//!
//! What is held at any time: one patch of at most [`PART`](super::patch_buffer::PART) operations, the rest of a larger one being
//! on disk, and one text of at most [`LONGEST_TEXT`] bytes.

use std::cell::Cell;
use std::fmt;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::patch_buffer::{Gathered, Gathering, List};
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind};
use crate::patch::{Changes, Patch};
use crate::segment_ref::SegmentRef;

/// The longest stretch between two hashes or fields, in bytes: what a single text can make us hold.
const LONGEST_TEXT: usize = 16 << 20;
const READ_AHEAD: usize = 64 << 10;

/// A patch that has come whole: all but its changes, and those.
pub(super) struct Incoming {
    pub(super) head: Patch,
    pub(super) changes: Gathered,
}

/// How reading a page ended before its end.
#[derive(Debug)]
pub(super) enum PageFault {
    /// The one who was handed the patches wanted no more.
    Declined,
    /// The bytes broke off; whoever supplied them knows why.
    Broken,
    /// It is not what the protocol allows.
    Malformed(Error),
    /// There was no room for a large patch.
    NoRoom(Error),
}

/// Reads patches to the end, and hands out each as soon as it is complete.
pub(super) fn read_page(
    input: impl Read,
    accept: &mut dyn FnMut(Incoming) -> ControlFlow<()>,
) -> Result<(), PageFault> {
    let stretch = Rc::new(Cell::new(0));
    let bounded = Bounded { input, stretch: stretch.clone() };
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(READ_AHEAD, bounded));
    let mut reading = Reading { accept, stretch: &stretch, fault: None };
    let outcome = reading.deserialize(&mut json).and_then(|()| json.end());
    match (reading.fault, outcome) {
        (Some(fault), _) => Err(fault),
        (None, Ok(())) => Ok(()),
        (None, Err(e)) if stretch.get() > LONGEST_TEXT => {
            Err(malformed(&format!("a single text is longer than {LONGEST_TEXT} bytes"), &e))
        }
        (None, Err(e)) => Err(match e.classify() {
            Category::Io => PageFault::Broken,
            // Only these never repeat any of the data.
            Category::Syntax | Category::Eof => malformed(&e.to_string(), &e),
            Category::Data => malformed("it is JSON, but not as patches are written", &e),
        }),
    }
}

fn malformed(what: &str, at: &serde_json::Error) -> PageFault {
    let (line, column) = (at.line(), at.column());
    let message = format!("the upstream's patches cannot be read, at line {line} column {column}: {what}");
    PageFault::Malformed(Error::new(ErrorKind::UpstreamData, message))
}

/// Counts what was read since something was last made of it.
struct Bounded<R> {
    input: R,
    stretch: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.stretch.set(self.stretch.get() + length);
        if self.stretch.get() > LONGEST_TEXT + READ_AHEAD {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        Ok(length)
    }
}

/// Reads the array.
struct Reading<'a> {
    accept: &'a mut dyn FnMut(Incoming) -> ControlFlow<()>,
    stretch: &'a Cell<usize>,
    fault: Option<PageFault>,
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

impl<'de> DeserializeSeed<'de> for &mut Reading<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Reading<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of patches")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut patches: A) -> Result<(), A::Error> {
        while let Some(incoming) =
            patches.next_element_seed(PatchSeed { stretch: self.stretch, fault: &mut self.fault })?
        {
            if (self.accept)(incoming).is_break() {
                self.fault = Some(PageFault::Declined);
                return Err(A::Error::custom("no more wanted"));
            }
        }
        Ok(())
    }
}

struct PatchSeed<'a> {
    stretch: &'a Cell<usize>,
    fault: &'a mut Option<PageFault>,
}

impl<'de> DeserializeSeed<'de> for PatchSeed<'_> {
    type Value = Incoming;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Incoming, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PatchSeed<'_> {
    type Value = Incoming;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a patch")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Incoming, A::Error> {
        let mut head = Patch {
            environment_id: String::new(),
            segment_id: String::new(),
            version: String::new(),
            previous_version: String::new(),
            changes: Changes::default(),
        };
        let mut gathering = Gathering::default();
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
                    let (stretch, fault) = (self.stretch, &mut *self.fault);
                    let gather = Gather { gathering: &mut gathering, stretch, fault, part: Part::Changes };
                    fields.next_value_seed(gather)?;
                }
                PatchField::Other => drop(fields.next_value::<IgnoredAny>()?),
            }
            self.stretch.set(0);
        }
        SegmentRef::parse(&head.segment_id).map_err(A::Error::custom)?;
        let changes = gathering.finish().map_err(|e| {
            *self.fault = Some(PageFault::NoRoom(e));
            A::Error::custom("no room")
        })?;
        Ok(Incoming { head, changes })
    }
}

/// A part of a patch's changes.
#[derive(Clone, Copy)]
enum Part {
    Changes,
    Lists { excluded: bool },
    List(List),
}

/// Reads a part of a patch's changes; any may be null.
struct Gather<'a> {
    gathering: &'a mut Gathering,
    stretch: &'a Cell<usize>,
    fault: &'a mut Option<PageFault>,
    part: Part,
}

impl Gather<'_> {
    fn deeper(&mut self, part: Part) -> Gather<'_> {
        Gather { gathering: self.gathering, stretch: self.stretch, fault: self.fault, part }
    }
}

impl<'de> DeserializeSeed<'de> for Gather<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Gather<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.part, Part::List(_)) { "a list of hashes" } else { "changes" })
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.part {
            Part::List(_) => deserializer.deserialize_seq(self),
            _ => deserializer.deserialize_map(self),
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        match self.part {
            Part::Lists { excluded } => {
                while let Some(field) = fields.next_key()? {
                    let list = match (field, excluded) {
                        (ListField::Add, false) => List::IncludedAdd,
                        (ListField::Add, true) => List::ExcludedAdd,
                        (ListField::Remove, false) => List::IncludedRemove,
                        (ListField::Remove, true) => List::ExcludedRemove,
                        (ListField::Other, _) => {
                            fields.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    fields.next_value_seed(self.deeper(Part::List(list)))?;
                }
            }
            _ => {
                while let Some(field) = fields.next_key()? {
                    match field {
                        ChangesField::Included => {
                            fields.next_value_seed(self.deeper(Part::Lists { excluded: false }))?
                        }
                        ChangesField::Excluded => {
                            fields.next_value_seed(self.deeper(Part::Lists { excluded: true }))?
                        }
                        ChangesField::Other => drop(fields.next_value::<IgnoredAny>()?),
                    }
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut hashes: A) -> Result<(), A::Error> {
        let Part::List(list) = self.part else { return Err(A::Error::custom("not a list")) };
        while let Some(hash) = hashes.next_element::<ContextHash>()? {
            self.stretch.set(0);
            if let Err(e) = self.gathering.push(list, hash) {
                *self.fault = Some(PageFault::NoRoom(e));
                return Err(A::Error::custom("no room"));
            }
        }
        Ok(())
    }
}
