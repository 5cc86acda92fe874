//! The tables of an embedded store, and the encoding of their rows.
//!
//! | table | key | value |
//! |---|---|---|
//! | `memberships` | 32 bytes of the context hash | count of included segments, their numbers, then the numbers of excluded segments; all LEB128 |
//! | `segments` | segment number, 4 bytes big-endian | segment ref |
//! | `segment_numbers` | segment ref | segment number, 4 bytes big-endian |
//! | `metadata` | a name below | text |
//!
//! Segment numbers are assigned in order and never reused, so they can be cached without a limit.

use heed::types::{Bytes, Str, U32};
use heed::{Database, Env, RoTxn, RwTxn};

use crate::error::{Error, ErrorKind, Result};

/// `metadata` row: the format of the file.
pub(super) const FORMAT: &str = "format";
/// The only format so far.
pub(super) const FORMAT_1: &str = "bigseg-local-1";
/// `metadata` row: the sync time, decimal Unix milliseconds (docs/spec.md#sync-time).
pub(super) const SYNCHRONIZED_ON: &str = "synchronized_on";
/// `metadata` row: the cursor (docs/spec.md#cursor).
pub(super) const CURSOR: &str = "cursor";

pub(super) const TABLES: u32 = 4;

type SegmentNumber = U32<heed::byteorder::BigEndian>;

/// The opened tables.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    pub(super) memberships: Database<Bytes, Bytes>,
    pub(super) segments: Database<SegmentNumber, Str>,
    pub(super) segment_numbers: Database<Str, SegmentNumber>,
    pub(super) metadata: Database<Str, Str>,
}

impl Tables {
    /// Opens the tables if they exist.
    pub(super) fn open(env: &Env, txn: &RoTxn) -> heed::Result<Option<Self>> {
        let (memberships, segments, segment_numbers, metadata) = (
            env.open_database(txn, Some("memberships"))?,
            env.open_database(txn, Some("segments"))?,
            env.open_database(txn, Some("segment_numbers"))?,
            env.open_database(txn, Some("metadata"))?,
        );
        Ok(match (memberships, segments, segment_numbers, metadata) {
            (Some(memberships), Some(segments), Some(segment_numbers), Some(metadata)) => {
                Some(Self { memberships, segments, segment_numbers, metadata })
            }
            _ => None,
        })
    }

    /// Creates the tables in a new file.
    pub(super) fn create(env: &Env, txn: &mut RwTxn) -> heed::Result<Self> {
        let tables = Self {
            memberships: env.create_database(txn, Some("memberships"))?,
            segments: env.create_database(txn, Some("segments"))?,
            segment_numbers: env.create_database(txn, Some("segment_numbers"))?,
            metadata: env.create_database(txn, Some("metadata"))?,
        };
        tables.metadata.put(txn, FORMAT, FORMAT_1)?;
        Ok(tables)
    }
}

/// One decoded row of `memberships`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) included: Vec<u32>,
    pub(super) excluded: Vec<u32>,
}

impl Row {
    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self> {
        let damaged =
            || Error::new(ErrorKind::StoreFormat, "the embedded store is damaged: a membership is cut short");
        let mut count = read_number(&mut bytes).ok_or_else(damaged)?;
        let mut row = Self::default();
        while !bytes.is_empty() {
            let number = read_number(&mut bytes).ok_or_else(damaged)?;
            if count > 0 {
                count -= 1;
                row.included.push(number);
            } else {
                row.excluded.push(number);
            }
        }
        if count > 0 {
            return Err(damaged());
        }
        Ok(row)
    }

    /// Appends the encoded row. Equal rows have equal encodings, because their numbers are sorted.
    pub(super) fn encode(&mut self, bytes: &mut Vec<u8>) {
        self.included.sort_unstable();
        self.excluded.sort_unstable();
        write_number(bytes, self.included.len() as u32);
        for number in self.included.iter().chain(&self.excluded) {
            write_number(bytes, *number);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.included.is_empty() && self.excluded.is_empty()
    }

    /// Adds a segment to a list, or removes it; `None` changes nothing.
    pub(super) fn change(list: &mut Vec<u32>, segment: u32, joins: Option<bool>) {
        match (joins, list.iter().position(|number| *number == segment)) {
            (Some(true), None) => list.push(segment),
            (Some(false), Some(position)) => drop(list.swap_remove(position)),
            _ => {}
        }
    }

    /// Removes a segment from both lists. Returns whether it was in one.
    pub(super) fn forget(&mut self, segment: u32) -> bool {
        let before = self.included.len() + self.excluded.len();
        Self::change(&mut self.included, segment, Some(false));
        Self::change(&mut self.excluded, segment, Some(false));
        before != self.included.len() + self.excluded.len()
    }
}

fn write_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0u32;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u32::from(byte & 0x7f);
        if shift == 28 && part > 0xf {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_survives_its_spelling(included: Vec<u32>, excluded: Vec<u32>) {
            let mut row = Row { included, excluded };
            let mut bytes = Vec::new();
            row.encode(&mut bytes);
            prop_assert_eq!(Row::decode(&bytes).unwrap(), row);
        }

        #[test]
        fn any_bytes_decode_or_fail_cleanly(bytes: Vec<u8>) {
            if let Err(error) = Row::decode(&bytes) {
                prop_assert_eq!(error.kind(), ErrorKind::StoreFormat);
            }
        }
    }
}
