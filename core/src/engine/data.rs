//! The engine's flags and segments: replaced as a whole, read without a lock.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::DataSet;

/// The greatest size of a data file in bytes, so that a wrong path does not fill the memory.
pub const MAX_DATA_BYTES: u64 = 1 << 30;

/// What an engine evaluates.
pub(super) struct Data {
    current: ArcSwapOption<Loaded>,
    /// Held while the data are replaced.
    replacing: Mutex<()>,
    epoch: Arc<Epoch>,
}

/// Flags and segments, and the file they come from.
pub(super) struct Loaded {
    pub(super) set: Arc<DataSet>,
    file: Option<DataFile>,
}

/// A data file, and its stamp when it was read.
struct DataFile {
    path: PathBuf,
    stamp: Stamp,
}

/// Differs when a file has changed.
#[derive(PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    identity: u64,
}

impl Data {
    /// Creates an empty holder, which advances `epoch` after each change.
    pub(super) fn new(epoch: Arc<Epoch>) -> Self {
        Self { current: ArcSwapOption::empty(), replacing: Mutex::new(()), epoch }
    }

    pub(super) fn current(&self) -> &ArcSwapOption<Loaded> {
        &self.current
    }

    pub(super) fn set(&self, json: &str) -> Result<()> {
        let set = DataSet::parse(json)?;
        let _replacing = self.replacing.lock();
        self.replace(Some(Arc::new(Loaded { set: Arc::new(set), file: None })));
        Ok(())
    }

    pub(super) fn load(&self, path: &Path) -> Result<()> {
        let loaded = read(path)?;
        let _replacing = self.replacing.lock();
        self.replace(Some(loaded));
        Ok(())
    }

    /// Reads the file again, if it has changed; returns whether it had.
    pub(super) fn reload(&self) -> Result<bool> {
        let _replacing = self.replacing.lock();
        let current = self.current.load_full();
        let Some(known) = current.as_ref().and_then(|loaded| loaded.file.as_ref()) else {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "the data do not come from a file; load them with load_data first",
            ));
        };
        let metadata = std::fs::metadata(&known.path).map_err(|e| unreadable(&known.path, e))?;
        if Stamp::of(&metadata) == known.stamp {
            return Ok(false);
        }
        self.replace(Some(read(&known.path)?));
        Ok(true)
    }

    /// Replaces the data with those of another engine. Takes no lock of the other, which may come
    /// from before a fork.
    pub(super) fn copy_from(&self, other: &Self) {
        let _replacing = self.replacing.lock();
        self.replace(other.current.load_full());
    }

    fn replace(&self, loaded: Option<Arc<Loaded>>) {
        self.current.store(loaded);
        self.epoch.advance();
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let identity = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let identity = 0;
        Self { modified: metadata.modified().ok(), length: metadata.len(), identity }
    }
}

/// Reads a file that may be replaced meanwhile: the stamp is taken first, so that a later change is
/// noticed.
fn read(path: &Path) -> Result<Arc<Loaded>> {
    let failed = |e| unreadable(path, e);
    let file = File::open(path).map_err(failed)?;
    let stamp = Stamp::of(&file.metadata().map_err(failed)?);
    let mut bytes = Vec::new();
    file.take(MAX_DATA_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_DATA_BYTES {
        let message = format!("{}: larger than {MAX_DATA_BYTES} bytes", path.display());
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let place = e.utf8_error().valid_up_to();
        Error::new(ErrorKind::InvalidArgument, format!("{}: not UTF-8 (at byte {place})", path.display()))
    })?;
    let set = DataSet::parse(&text).map_err(|e| e.at(path.display()))?;
    let file = Some(DataFile { path: path.to_owned(), stamp });
    Ok(Arc::new(Loaded { set: Arc::new(set), file }))
}

fn unreadable(path: &Path, cause: std::io::Error) -> Error {
    let message = format!("{}: cannot be read: {cause}", path.display());
    Error::with_source(ErrorKind::InvalidArgument, message, cause)
}
