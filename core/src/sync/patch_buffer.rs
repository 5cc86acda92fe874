//! Buffers the changes of one patch on the way from the parser to the store: in memory up to
//! [`MAX_CHUNK_OPERATIONS`], in a temporary file beyond that.
//!
//! Nothing of a patch is applied before all of it has arrived, for two reasons:
//! 1. Its fields come in any order, so its segment is known for sure only at the end.
//! 2. Removals win over additions (docs/spec.md#patch), so they are applied after all of them.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};

use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::patch::{Changes, Patch, PatchOutcome};

/// The most operations that are held in memory, and applied to a store in one call.
pub(super) const MAX_CHUNK_OPERATIONS: usize = 32_768;
const FILE_BUFFER_BYTES: usize = 1 << 18;

/// One of the four lists of a patch; its number marks it in the temporary file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeList {
    IncludedAdd = 0,
    ExcludedAdd = 1,
    IncludedRemove = 2,
    ExcludedRemove = 3,
}

impl ChangeList {
    const ADDITIONS: [Self; 2] = [Self::IncludedAdd, Self::ExcludedAdd];
    const REMOVALS: [Self; 2] = [Self::IncludedRemove, Self::ExcludedRemove];

    fn of(self, changes: &mut Changes) -> &mut Vec<ContextHash> {
        match self {
            Self::IncludedAdd => &mut changes.included.add,
            Self::ExcludedAdd => &mut changes.excluded.add,
            Self::IncludedRemove => &mut changes.included.remove,
            Self::ExcludedRemove => &mut changes.excluded.remove,
        }
    }
}

/// The changes that have arrived so far.
#[derive(Default)]
pub(super) struct PatchBuffer {
    changes: Changes,
    in_memory: usize,
    file: Option<BufWriter<File>>,
}

/// All changes of one patch.
pub(super) enum BufferedChanges {
    /// They fit into memory.
    InMemory(Changes),
    /// They are in a temporary file without a name.
    OnDisk(SpilledChanges),
}

/// The changes of a large patch, in a temporary file.
pub(super) struct SpilledChanges(File);

impl PatchBuffer {
    /// Adds an operation.
    pub(super) fn push(&mut self, list: ChangeList, hash: ContextHash) -> Result<()> {
        if self.in_memory == MAX_CHUNK_OPERATIONS {
            self.spill().map_err(temp_file_error)?;
        }
        list.of(&mut self.changes).push(hash);
        self.in_memory += 1;
        Ok(())
    }

    fn spill(&mut self) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::with_capacity(FILE_BUFFER_BYTES, tempfile::tempfile()?)),
        };
        for list in [ChangeList::ADDITIONS, ChangeList::REMOVALS].concat() {
            for hash in list.of(&mut self.changes).drain(..) {
                file.write_all(&[list as u8])?;
                file.write_all(hash.as_bytes())?;
            }
        }
        self.in_memory = 0;
        Ok(())
    }

    /// Returns the changes of the complete patch.
    pub(super) fn finish(mut self) -> Result<BufferedChanges> {
        if self.file.is_none() {
            return Ok(BufferedChanges::InMemory(self.changes));
        }
        self.spill().map_err(temp_file_error)?;
        let file = self.file.expect("the changes were spilled into it");
        let file = file.into_inner().map_err(|e| temp_file_error(e.into_error()))?;
        Ok(BufferedChanges::OnDisk(SpilledChanges(file)))
    }
}

impl SpilledChanges {
    /// Calls `apply` with the changes in chunks, each as a patch with the metadata of `head`: all
    /// additions, then all removals. Stops at a chunk that does not apply, with its outcome.
    pub(super) fn for_each_chunk<E: From<Error>>(
        &mut self,
        head: &Patch,
        apply: &mut dyn FnMut(&Patch) -> Result<PatchOutcome, E>,
    ) -> Result<PatchOutcome, E> {
        for lists in [ChangeList::ADDITIONS, ChangeList::REMOVALS] {
            self.0.rewind().map_err(temp_file_error)?;
            let mut file = BufReader::with_capacity(FILE_BUFFER_BYTES, &self.0);
            loop {
                let changes = read_chunk(&mut file, lists).map_err(temp_file_error)?;
                if changes.operations() == 0 {
                    break;
                }
                let outcome = apply(&Patch { changes, ..head.clone() })?;
                if outcome != PatchOutcome::Applied {
                    return Ok(outcome);
                }
            }
        }
        Ok(PatchOutcome::Applied)
    }
}

/// Reads operations of `lists` until the chunk is full or the file ends.
fn read_chunk(file: &mut impl Read, lists: [ChangeList; 2]) -> std::io::Result<Changes> {
    let mut changes = Changes::default();
    let mut record = [0; 1 + ContextHash::BYTES];
    let mut count = 0;
    while count < MAX_CHUNK_OPERATIONS {
        match file.read_exact(&mut record) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(e) => return Err(e),
        }
        let (&number, hash) = record.split_first().expect("33 bytes");
        if let Some(list) = lists.into_iter().find(|list| *list as u8 == number) {
            let hash = ContextHash::from_bytes(hash.try_into().expect("32 bytes are left"));
            list.of(&mut changes).push(hash);
            count += 1;
        }
    }
    Ok(changes)
}

fn temp_file_error(error: std::io::Error) -> Error {
    let is_full = matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG));
    let kind = if is_full { ErrorKind::StoreFull } else { ErrorKind::StoreUnavailable };
    Error::new(kind, format!("buffering a large patch in a temporary file: {error}; check TMPDIR"))
}
