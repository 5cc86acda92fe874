//! Sorts more memberships than fit in memory: writes sorted runs to temporary files and merges
//! them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;

use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Entry, LoadEntry, LoadSource};

/// One membership; ordered by hash, then segment, included before excluded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    /// The first bytes of the hash as a number, for fast comparison.
    prefix: u64,
    rest: [u8; 24],
    /// The segment, and in the lowest bit whether it is an exclusion.
    entry: u32,
}

const RECORD_BYTES: usize = 36;

impl Record {
    fn new(hash: ContextHash, entry: LoadEntry) -> Self {
        let (prefix, rest) = hash.as_bytes().split_first_chunk().expect("a hash has more than 8 bytes");
        Self {
            prefix: u64::from_be_bytes(*prefix),
            rest: rest.try_into().expect("24 bytes are left"),
            entry: entry.segment << 1 | u32::from(entry.entry == Entry::Exclude),
        }
    }

    fn hash(&self) -> ContextHash {
        let mut bytes = [0; ContextHash::BYTES];
        bytes[..8].copy_from_slice(&self.prefix.to_be_bytes());
        bytes[8..].copy_from_slice(&self.rest);
        ContextHash::from_bytes(bytes)
    }

    fn entry(&self) -> LoadEntry {
        unpack(self.entry)
    }

    fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..32].copy_from_slice(self.hash().as_bytes());
        bytes[32..].copy_from_slice(&self.entry.to_le_bytes());
        to.write_all(&bytes)
    }

    fn read(from: &mut impl Read) -> std::io::Result<Option<Self>> {
        let mut bytes = [0; RECORD_BYTES];
        match from.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        let (hash, entry) = bytes.split_first_chunk::<32>().expect("36 bytes");
        let entry = u32::from_le_bytes(entry.try_into().expect("4 bytes are left"));
        Ok(Some(Self::new(ContextHash::from_bytes(*hash), unpack(entry))))
    }
}

/// Reads the segment and the entry from the number that a record holds.
fn unpack(number: u32) -> LoadEntry {
    let entry = if number & 1 == 1 { Entry::Exclude } else { Entry::Include };
    LoadEntry { segment: number >> 1, entry }
}

/// Collects memberships in any order.
pub(super) struct Sorter {
    buffer: Vec<Record>,
    limit: usize,
    directory: PathBuf,
    runs: Vec<File>,
}

impl Sorter {
    pub(super) fn new(limit: usize, directory: PathBuf) -> Self {
        Self { buffer: Vec::new(), limit: limit.max(1), directory, runs: Vec::new() }
    }

    pub(super) fn add(&mut self, hash: ContextHash, entry: LoadEntry) -> Result<()> {
        if self.buffer.len() == self.limit {
            self.spill().map_err(|e| temporary(&e))?;
        }
        self.buffer.push(Record::new(hash, entry));
        Ok(())
    }

    fn spill(&mut self) -> std::io::Result<()> {
        self.buffer.sort_unstable();
        let mut run = BufWriter::with_capacity(1 << 20, tempfile::tempfile_in(&self.directory)?);
        for record in &self.buffer {
            record.write(&mut run)?;
        }
        let mut file = run.into_inner()?;
        file.rewind()?;
        self.runs.push(file);
        self.buffer.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Sorted> {
        self.buffer.sort_unstable();
        let mut runs: Vec<Run> =
            self.runs.into_iter().map(|file| Run::File(BufReader::with_capacity(1 << 18, file))).collect();
        runs.push(Run::Memory(self.buffer.into_iter()));
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (index, run) in runs.iter_mut().enumerate() {
            if let Some(record) = run.next().map_err(|e| temporary(&e))? {
                heads.push(Reverse((record, index)));
            }
        }
        Ok(Sorted { runs, heads })
    }
}

enum Run {
    File(BufReader<File>),
    Memory(std::vec::IntoIter<Record>),
}

impl Run {
    fn next(&mut self) -> std::io::Result<Option<Record>> {
        match self {
            Run::File(file) => Record::read(file),
            Run::Memory(records) => Ok(records.next()),
        }
    }
}

/// The collected memberships in the order of the hashes.
pub(super) struct Sorted {
    runs: Vec<Run>,
    heads: BinaryHeap<Reverse<(Record, usize)>>,
}

impl Sorted {
    fn pop(&mut self) -> Result<Option<Record>> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(None) };
        let Reverse((record, run)) = *head;
        match self.runs[run].next().map_err(|e| temporary(&e))? {
            Some(next) => head.0.0 = next,
            None => drop(std::collections::binary_heap::PeekMut::pop(head)),
        }
        Ok(Some(record))
    }
}

impl LoadSource for Sorted {
    fn next(&mut self, entries: &mut Vec<LoadEntry>) -> Result<Option<ContextHash>> {
        entries.clear();
        let Some(first) = self.pop()? else { return Ok(None) };
        let mut last = first;
        entries.push(first.entry());
        while let Some(Reverse((next, _))) = self.heads.peek() {
            if (next.prefix, next.rest) != (first.prefix, first.rest) {
                break;
            }
            if let Some(record) = self.pop()?.filter(|record| *record != last) {
                entries.push(record.entry());
                last = record;
            }
        }
        Ok(Some(first.hash()))
    }
}

fn temporary(error: &std::io::Error) -> Error {
    let full = matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG));
    let kind = if full { ErrorKind::StoreFull } else { ErrorKind::StoreUnavailable };
    Error::new(kind, format!("writing a temporary file to sort the list: {error}; make space or set TMPDIR"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn any_list_comes_out_sorted_and_grouped(
            list in prop::collection::vec((0u8..20, 0u32..5, any::<bool>()), 0..200),
            limit in 1usize..50,
        ) {
            let hash = |n: u8| crate::ContextKey::new(&n.to_string()).unwrap().hash();
            let mut sorter = Sorter::new(limit, std::env::temp_dir());
            let mut expected: BTreeMap<ContextHash, Vec<LoadEntry>> = BTreeMap::new();
            for (context, segment, excluded) in list {
                let entry = LoadEntry { segment, entry: if excluded { Entry::Exclude } else { Entry::Include } };
                sorter.add(hash(context), entry).unwrap();
                expected.entry(hash(context)).or_default().push(entry);
            }
            let mut sorted = sorter.finish().unwrap();
            let mut entries = Vec::new();
            for (hash, mut wanted) in expected {
                wanted.sort_unstable();
                wanted.dedup();
                prop_assert_eq!(sorted.next(&mut entries).unwrap(), Some(hash));
                prop_assert_eq!(&entries, &wanted);
            }
            prop_assert_eq!(sorted.next(&mut entries).unwrap(), None);
        }
    }
}
