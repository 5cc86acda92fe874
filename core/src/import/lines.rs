//! Reads lists in CSV or NDJSON, plain or gzip.

use std::fmt;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::str::FromStr;

use flate2::read::MultiGzDecoder;

use super::importer::Import;
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;

pub(super) const BUFFER: usize = 1 << 17;
/// The first bytes of every gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The mark that some programs put before UTF-8 text.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// The format of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFormat {
    /// `context,segment,membership` rows. A header row may name and reorder the columns: `key` or
    /// `hash`, `segment`, `membership` (`include` or `exclude`; missing or empty = include).
    Csv,
    /// One object per line: `{"key": …}` or `{"hash": …}`, with `"included": [refs]` and
    /// `"excluded": [refs]`. Without either list the context is included in
    /// [`LineReader::segment`].
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

/// A line that cannot be parsed. Its text is not repeated, because it contains a context key.
#[derive(Debug, Clone)]
pub struct BadLine {
    /// The number of the line, from 1.
    pub line: u64,
    /// The reason.
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
    /// The format of the list.
    pub format: LineFormat,
    /// The segment of lines without one.
    pub segment: Option<SegmentRef>,
    /// Whether the first column of a CSV without header has hashes, not keys.
    pub hashed: bool,
}

impl LineReader {
    /// Reads all of `input`, which may be gzip, and returns the number of lines. `bad_line` is
    /// called for a line that cannot be parsed: `Ok` skips the line, an error ends the reading.
    ///
    /// # Errors
    /// Any error of `bad_line`; [`ErrorKind::InvalidInput`] if the input cannot be read or
    /// decompressed, or if a CSV ends inside a quote.
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
}

/// Reads the first bytes of an input, also if they arrive one by one.
fn take_start<R: Read>(mut input: R, length: usize) -> Result<(Vec<u8>, R)> {
    let mut start = Vec::with_capacity(length);
    input.by_ref().take(length as u64).read_to_end(&mut start).map_err(unreadable)?;
    Ok((start, input))
}

/// Returns whether an error concerns one line, not the whole import.
pub(super) fn is_about_input(error: &Error) -> bool {
    use ErrorKind::{InvalidContextHash, InvalidContextKey, InvalidInput, InvalidSegmentRef};
    matches!(error.kind(), InvalidInput | InvalidContextHash | InvalidContextKey | InvalidSegmentRef)
}

pub(super) fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

pub(super) fn unreadable(error: std::io::Error) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("reading the list: {error}"))
}
