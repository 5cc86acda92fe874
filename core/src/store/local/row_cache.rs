//! Decodes rows into memberships, and caches small ones.

use papaya::HashMap;
use parking_lot::RwLock;

use super::tables::{Row, Tables};
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::segment_ref::SegmentRef;

/// The most cached rows, and the most bytes of one of them.
const MAX_ROWS: usize = 4096;
const MAX_ROW_BYTES: usize = 64;

/// The decoded rows of one open file. The meaning of a row never changes, because segment numbers
/// are never reused.
#[derive(Default)]
pub(super) struct RowCache {
    segments: RwLock<Vec<SegmentRef>>,
    rows: HashMap<Box<[u8]>, Membership>,
}

impl RowCache {
    pub(super) fn membership(&self, bytes: &[u8], tables: &Tables, txn: &heed::RoTxn) -> Result<Membership> {
        if let Some(membership) = self.rows.pin().get(bytes) {
            return Ok(membership.clone());
        }
        let row = Row::decode(bytes)?;
        let membership =
            Membership::new(self.refs(&row.included, tables, txn)?, self.refs(&row.excluded, tables, txn)?);
        if bytes.len() <= MAX_ROW_BYTES && self.rows.len() < MAX_ROWS {
            self.rows.pin().insert(bytes.into(), membership.clone());
        }
        Ok(membership)
    }

    fn refs(&self, numbers: &[u32], tables: &Tables, txn: &heed::RoTxn) -> Result<Vec<SegmentRef>> {
        let known = self.segments.read();
        if let Some(refs) = numbers.iter().map(|n| known.get(*n as usize).cloned()).collect() {
            return Ok(refs);
        }
        drop(known);
        let mut known = self.segments.write();
        let mut number = known.len() as u32;
        while let Some(text) =
            tables.segments.get(txn, &number).map_err(|e| super::error::failure("reading", &e))?
        {
            known.push(SegmentRef::from_store(text));
            number += 1;
        }
        numbers.iter().map(|n| known.get(*n as usize).cloned()).collect::<Option<_>>().ok_or_else(|| {
            Error::new(
                ErrorKind::StoreFormat,
                "the embedded store is damaged: a membership names no known segment",
            )
        })
    }
}
