//! Lists as people have them: CSV or NDJSON, plain or gzip.

use std::fmt;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::str::FromStr;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::Import;
use crate::context_key::{ContextHash, ContextKey};
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;

const BUFFER: usize = 1 << 17;
/// What every gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What some programs put before UTF-8 text.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Put behind a CSV, to see whether a quote has swallowed its end.
const END_OF_LIST: &[u8] = b"\n\0end of list\0";

/// How a list is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFormat {
    /// `context,segment,membership` rows. A header row may name and reorder the columns: `key` or `hash`, `segment`,
    /// `membership` (`include` or `exclude`; missing or empty = include).
    Csv,
    /// One object a line: `{"key": …}` or `{"hash": …}`, with `"included": [refs]` and `"excluded": [refs]`. Without
    /// either list the context is included in [`LineReader::segment`].
    Ndjson,
}

impl FromStr for LineFormat {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "csv" => Ok(Self::Csv),
            "ndjson" | "jsonl" => Ok(Self::Ndjson),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("unknown list format {text:?}; use csv or ndjson"),
            )),
        }
    }
}

/// A line that could not be understood. Its text is not repeated, because it holds a context key.
#[derive(Debug, Clone)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub error: Error,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.error)
    }
}

impl From<BadLine> for Error {
    fn from(bad: BadLine) -> Self {
        Error::with_source(ErrorKind::InvalidInput, bad.to_string(), bad.error)
    }
}

/// Reads a list into an import.
#[derive(Debug, Clone)]
pub struct LineReader {
    /// How the list is written.
    pub format: LineFormat,
    /// The segment of lines that name none.
    pub segment: Option<SegmentRef>,
    /// Whether the first column of a CSV without header holds hashes rather than keys.
    pub hashed: bool,
}

/// Where the columns of a CSV are.
struct Columns {
    context: usize,
    hashed: bool,
    segment: Option<usize>,
    membership: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object<'a> {
    #[serde(borrow)]
    key: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    hash: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    included: Vec<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    excluded: Vec<std::borrow::Cow<'a, str>>,
}

impl LineReader {
    /// Reads all of `input`, which may be gzip; `bad_line` decides what becomes of a line that is not understood:
    /// `Ok` leaves it out, an error ends the reading. Returns how many lines were read.
    ///
    /// # Errors
    /// What `bad_line` returns; [`ErrorKind::InvalidInput`] when the input cannot be read or unpacked, or when a CSV
    /// ends inside a quote.
    pub fn read(
        &self,
        input: impl Read,
        import: &mut Import,
        bad_line: &mut dyn FnMut(BadLine) -> Result<()>,
    ) -> Result<u64> {
        let (start, input) = take_start(BufReader::with_capacity(BUFFER, input), GZIP.len())?;
        let is_gzip = start == GZIP;
        let input = Cursor::new(start).chain(input);
        if is_gzip {
            self.read_plain(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(input)), import, bad_line)
        } else {
            self.read_plain(input, import, bad_line)
        }
    }

    fn read_plain(
        &self,
        input: impl BufRead,
        import: &mut Import,
        bad_line: &mut dyn FnMut(BadLine) -> Result<()>,
    ) -> Result<u64> {
        let (mut start, input) = take_start(input, BYTE_ORDER_MARK.len())?;
        if start == BYTE_ORDER_MARK {
            start.clear();
        }
        let input = Cursor::new(start).chain(input);
        match self.format {
            LineFormat::Csv => self.read_csv(input, import, bad_line),
            LineFormat::Ndjson => self.read_ndjson(input, import, bad_line),
        }
    }

    fn read_csv(
        &self,
        input: impl BufRead,
        import: &mut Import,
        bad_line: &mut dyn FnMut(BadLine) -> Result<()>,
    ) -> Result<u64> {
        // Each row ends with exactly one line feed, also the last, so that its line number can be told.
        let mut rows = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .buffer_capacity(BUFFER)
            .from_reader(input.chain(END_OF_LIST));
        let mut record = csv::ByteRecord::new();
        let mut columns: Option<Columns> = None;
        let mut lines = 0;
        while rows.read_byte_record(&mut record).map_err(|e| unreadable(e.into()))? {
            let row = Row(&record);
            if row.is_blank() {
                continue;
            }
            if record.as_slice() == &END_OF_LIST[1..] {
                break;
            }
            if record.as_slice().ends_with(END_OF_LIST) {
                let line = row.first_line(rows.position()) + 1;
                return Err(BadLine { line, error: invalid("a quote is opened and never closed") }.into());
            }
            lines += 1;
            let bad = |error| BadLine { line: row.first_line(rows.position()), error };
            if columns.is_none() {
                match self.header(&row) {
                    Ok(Some(named)) => {
                        columns = Some(named);
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => return Err(bad(error).into()),
                }
            }
            let columns = columns.get_or_insert_with(|| self.default_columns());
            match self.add_row(&row, columns, import) {
                Err(error) if is_about_input(&error) => bad_line(bad(error))?,
                result => result?,
            }
        }
        Ok(lines)
    }

    fn default_columns(&self) -> Columns {
        Columns { context: 0, hashed: self.hashed, segment: Some(1), membership: Some(2) }
    }

    /// Reads a header row; `None` when it is none.
    fn header(&self, row: &Row) -> Result<Option<Columns>> {
        let names: Vec<String> =
            row.fields().map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase()).collect();
        let find = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let hash = find(&["hash", "context_hash"]);
        let Some(context) = hash.or_else(|| find(&["key", "context", "context_key"])) else {
            return Ok(None);
        };
        let segment = find(&["segment", "segment_ref"]);
        let membership = find(&["membership"]);
        let known = 1 + usize::from(segment.is_some()) + usize::from(membership.is_some());
        // A first context that happens to be called "key" has a segment beside it, not the word "segment".
        if names.len() > 1 && known == 1 && segment.is_none() {
            return Ok(None);
        }
        if known < names.len() {
            return Err(invalid("the header may name key or hash, segment and membership, nothing else"));
        }
        Ok(Some(Columns { context, hashed: hash.is_some(), segment, membership }))
    }

    fn add_row(&self, row: &Row, columns: &Columns, import: &mut Import) -> Result<()> {
        let field = |column: Option<usize>| column.and_then(|column| row.get(column)).unwrap_or_default();
        let context = field(Some(columns.context));
        let hash = match columns.hashed {
            true => ContextHash::parse(context)?,
            false => ContextKey::from_bytes(context)?.hash(),
        };
        let included = match field(columns.membership) {
            b"" | b"include" | b"included" | b"true" => true,
            b"exclude" | b"excluded" | b"false" => false,
            _ => return Err(invalid("the membership is neither include nor exclude")),
        };
        if row.0.len() > 3 {
            return Err(invalid(&format!("there are {} columns; at most three are known", row.0.len())));
        }
        let segment = std::str::from_utf8(field(columns.segment))
            .map_err(|_| invalid("the segment ref is not UTF-8"))?;
        match (segment, &self.segment) {
            ("", Some(segment)) => import.add(hash, segment.as_str(), included),
            ("", None) => Err(invalid("no segment is named, and no default segment is given")),
            (segment, _) => import.add(hash, segment, included),
        }
    }

    fn read_ndjson(
        &self,
        mut input: impl BufRead,
        import: &mut Import,
        bad_line: &mut dyn FnMut(BadLine) -> Result<()>,
    ) -> Result<u64> {
        let (mut text, mut line) = (Vec::new(), 0);
        loop {
            text.clear();
            if input.read_until(b'\n', &mut text).map_err(unreadable)? == 0 {
                return Ok(line);
            }
            line += 1;
            if text.trim_ascii().is_empty() {
                continue;
            }
            match self.add_object(&text, import) {
                Err(error) if is_about_input(&error) => bad_line(BadLine { line, error })?,
                result => result?,
            }
        }
    }

    fn add_object(&self, text: &[u8], import: &mut Import) -> Result<()> {
        // The parser's own words could repeat the key, so only the place is passed on.
        let object: Object<'_> = serde_json::from_slice(text)
            .map_err(|e| invalid(&format!("this is not an object as described (column {})", e.column())))?;
        let hash = match (&object.key, &object.hash) {
            (Some(key), None) => ContextKey::new(key)?.hash(),
            (None, Some(hash)) => ContextHash::parse(hash.as_bytes())?,
            _ => return Err(invalid("there must be either a key or a hash")),
        };
        if object.included.is_empty() && object.excluded.is_empty() {
            let segment = self
                .segment
                .as_ref()
                .ok_or_else(|| invalid("no segment is named, and no default is given"))?;
            return import.add(hash, segment.as_str(), true);
        }
        // All refs are looked at first, so that a bad line leaves nothing behind.
        for segment in object.included.iter().chain(&object.excluded) {
            SegmentRef::parse(segment)?;
        }
        for (segments, included) in [(&object.included, true), (&object.excluded, false)] {
            for segment in segments {
                import.add(hash, segment, included)?;
            }
        }
        Ok(())
    }
}

/// A row of a CSV, whose last field may still have the carriage return of its line end.
struct Row<'a>(&'a csv::ByteRecord);

impl<'a> Row<'a> {
    fn get(&self, column: usize) -> Option<&'a [u8]> {
        let field = self.0.get(column)?;
        match field.split_last() {
            Some((b'\r', rest)) if column + 1 == self.0.len() => Some(rest),
            _ => Some(field),
        }
    }

    fn fields(&self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.0.len()).filter_map(|column| self.get(column))
    }

    fn is_blank(&self) -> bool {
        self.0.len() == 1 && self.get(0) == Some(b"")
    }

    /// Returns the number of the line a row begins on, from the position behind it.
    fn first_line(&self, behind: &csv::Position) -> u64 {
        let inside = self.0.as_slice().iter().filter(|byte| **byte == b'\n').count();
        behind.line() - 1 - inside as u64
    }
}

/// Takes the first bytes of an input, however few come at a time.
fn take_start<R: Read>(mut input: R, length: usize) -> Result<(Vec<u8>, R)> {
    let mut start = Vec::with_capacity(length);
    input.by_ref().take(length as u64).read_to_end(&mut start).map_err(unreadable)?;
    Ok((start, input))
}

fn is_about_input(error: &Error) -> bool {
    use ErrorKind::{InvalidContextHash, InvalidContextKey, InvalidInput, InvalidSegmentRef};
    matches!(error.kind(), InvalidInput | InvalidContextHash | InvalidContextKey | InvalidSegmentRef)
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

fn unreadable(error: std::io::Error) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("the list cannot be read: {error}"))
}
