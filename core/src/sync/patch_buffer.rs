//! One patch on its way from the parser to the store: in memory while it is small, on disk when it is gigantic.
//!
//! Nothing of a patch is applied before all of it has come: only then is its segment known for sure, whatever the order of its
//! fields, and only then can its removals be applied after its additions, over which they win (docs/spec.md#patch).

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};

use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::patch::{Changes, Patch, PatchOutcome};

/// How many operations are held in memory, and applied to a store at once.
pub(super) const PART: usize = 32_768;
const BUFFER: usize = 1 << 18;

/// One of a patch's four lists; the number stands for it on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    IncludedAdd = 0,
    ExcludedAdd = 1,
    IncludedRemove = 2,
    ExcludedRemove = 3,
}

impl List {
    const ADDITIONS: [List; 2] = [List::IncludedAdd, List::ExcludedAdd];
    const REMOVALS: [List; 2] = [List::IncludedRemove, List::ExcludedRemove];

    fn of(self, changes: &mut Changes) -> &mut Vec<ContextHash> {
        match self {
            Self::IncludedAdd => &mut changes.included.add,
            Self::ExcludedAdd => &mut changes.excluded.add,
            Self::IncludedRemove => &mut changes.included.remove,
            Self::ExcludedRemove => &mut changes.excluded.remove,
        }
    }
}

/// The changes that have come so far.
#[derive(Default)]
pub(super) struct Gathering {
    changes: Changes,
    in_memory: usize,
    file: Option<BufWriter<File>>,
}

/// The changes of a whole patch.
pub(super) enum Gathered {
    /// They fit into memory.
    InMemory(Changes),
    /// They lie in a file without a name.
    OnDisk(Spool),
}

/// Changes on disk.
pub(super) struct Spool(File);

impl Gathering {
    /// Adds an operation.
    pub(super) fn push(&mut self, list: List, hash: ContextHash) -> Result<()> {
        if self.in_memory == PART {
            self.spill().map_err(temporary)?;
        }
        list.of(&mut self.changes).push(hash);
        self.in_memory += 1;
        Ok(())
    }

    fn spill(&mut self) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::with_capacity(BUFFER, tempfile::tempfile()?)),
        };
        for list in [List::ADDITIONS, List::REMOVALS].concat() {
            for hash in list.of(&mut self.changes).drain(..) {
                file.write_all(&[list as u8])?;
                file.write_all(hash.as_bytes())?;
            }
        }
        self.in_memory = 0;
        Ok(())
    }

    /// Ends the patch.
    pub(super) fn finish(mut self) -> Result<Gathered> {
        if self.file.is_none() {
            return Ok(Gathered::InMemory(self.changes));
        }
        self.spill().map_err(temporary)?;
        let file = self.file.map(|file| file.into_inner().map_err(|e| temporary(e.into_error())));
        let file = file.expect("the changes were spilt into it")?;
        Ok(Gathered::OnDisk(Spool(file)))
    }
}

impl Spool {
    /// Hands out the operations in parts, each as a patch with the words of `head`: all additions, then all removals.
    /// Ends early with the outcome of a part that does not apply.
    pub(super) fn for_each_part<E: From<Error>>(
        &mut self,
        head: &Patch,
        apply: &mut dyn FnMut(&Patch) -> Result<PatchOutcome, E>,
    ) -> Result<PatchOutcome, E> {
        for lists in [List::ADDITIONS, List::REMOVALS] {
            self.0.rewind().map_err(temporary)?;
            let mut file = BufReader::with_capacity(BUFFER, &self.0);
            loop {
                let changes = read_part(&mut file, lists).map_err(temporary)?;
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

/// Reads on until there is a full part of those lists, or the end.
fn read_part(file: &mut impl Read, lists: [List; 2]) -> std::io::Result<Changes> {
    let mut changes = Changes::default();
    let mut record = [0; 1 + ContextHash::BYTES];
    let mut count = 0;
    while count < PART {
        match file.read_exact(&mut record) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(e) => return Err(e),
        }
        let (&mark, hash) = record.split_first().expect("33 bytes");
        if let Some(list) = lists.into_iter().find(|list| *list as u8 == mark) {
            let hash = ContextHash::from_bytes(hash.try_into().expect("32 bytes are left"));
            list.of(&mut changes).push(hash);
            count += 1;
        }
    }
    Ok(changes)
}

fn temporary(error: std::io::Error) -> Error {
    let full = matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG));
    let kind = if full { ErrorKind::StoreFull } else { ErrorKind::StoreUnavailable };
    Error::new(kind, format!("a gigantic patch needs room for a temporary file (TMPDIR): {error}"))
}
