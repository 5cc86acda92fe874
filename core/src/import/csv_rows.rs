//! Reads lists in CSV.

use std::io::BufRead;

use super::importer::Import;
use super::lines::{BUFFER, BadLine, LineReader, invalid, is_about_input, unreadable};
use crate::context_key::{ContextHash, ContextKey};
use crate::error::Result;
use crate::store::Entry;

/// Appended to a CSV, to detect a quote that is never closed.
const END_OF_LIST: &[u8] = b"\n\0end of list\0";

/// The positions of the columns of a CSV.
struct Columns {
    context: usize,
    hashed: bool,
    segment: Option<usize>,
    membership: Option<usize>,
}

impl LineReader {
    pub(super) fn read_csv(
        &self,
        input: impl BufRead,
        import: &mut Import,
        bad_line: &mut dyn FnMut(BadLine) -> Result<()>,
    ) -> Result<u64> {
        // Each row, also the last, ends with exactly one line feed, so that line numbers are right.
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
                return Err(
                    BadLine { line, error: invalid("the quote that starts here is never closed") }.into()
                );
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

    /// Parses a header row; `None` if the row is not a header.
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
        // A first context named "key" has a segment ref beside it, not the word "segment".
        if names.len() > 1 && known == 1 && segment.is_none() {
            return Ok(None);
        }
        if known < names.len() {
            return Err(invalid("the header may only have the columns key or hash, segment and membership"));
        }
        Ok(Some(Columns { context, hashed: hash.is_some(), segment, membership }))
    }

    fn add_row(&self, row: &Row, columns: &Columns, import: &mut Import) -> Result<()> {
        let field = |column: Option<usize>| column.and_then(|column| row.get(column)).unwrap_or_default();
        let context = field(Some(columns.context));
        let hash = if columns.hashed {
            ContextHash::parse(context)?
        } else {
            ContextKey::from_bytes(context)?.hash()
        };
        let entry = match field(columns.membership) {
            b"" | b"include" | b"included" | b"true" => Entry::Include,
            b"exclude" | b"excluded" | b"false" => Entry::Exclude,
            _ => return Err(invalid("the membership is neither include nor exclude")),
        };
        if row.0.len() > 3 {
            return Err(invalid(&format!("the row has {} columns; at most 3 are allowed", row.0.len())));
        }
        let segment = std::str::from_utf8(field(columns.segment))
            .map_err(|_| invalid("the segment ref is not UTF-8"))?;
        match (segment, &self.segment) {
            ("", Some(segment)) => import.add(hash, segment.as_str(), entry),
            ("", None) => Err(invalid("no segment is named, and there is no default segment")),
            (segment, _) => import.add(hash, segment, entry),
        }
    }
}

/// A row of a CSV. Its last field may end with the carriage return of the line end.
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

    /// Returns the number of the line on which the row starts, from the position after the row.
    fn first_line(&self, after: &csv::Position) -> u64 {
        let line_feeds = self.0.as_slice().iter().filter(|byte| **byte == b'\n').count();
        after.line() - 1 - line_feeds as u64
    }
}
