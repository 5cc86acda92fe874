//! Turns rows into memberships, remembering the ones seen before.

use papaya::HashMap;
use parking_lot::RwLock;

use super::tables::{Row, Tables};
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::segment_ref::SegmentRef;

/// How many distinct rows are remembered, and how long each may be.
const REMEMBERED: usize = 4096;
const REMEMBERED_BYTES: usize = 64;

/// What one opened file's rows mean. A row's meaning never changes, because segment numbers are never reused; so a
/// population with few distinct memberships is decoded only once.
#[derive(Default)]
pub(super) struct Decoder {
    segments: RwLock<Vec<SegmentRef>>,
    rows: HashMap<Box<[u8]>, Membership>,
}

impl Decoder {
    pub(super) fn membership(&self, bytes: &[u8], tables: &Tables, txn: &heed::RoTxn) -> Result<Membership> {
        if let Some(membership) = self.rows.pin().get(bytes) {
            return Ok(membership.clone());
        }
        let row = Row::decode(bytes)?;
        let membership =
            Membership::new(self.refs(&row.included, tables, txn)?, self.refs(&row.excluded, tables, txn)?);
        if bytes.len() <= REMEMBERED_BYTES && self.rows.len() < REMEMBERED {
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
