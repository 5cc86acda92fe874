//! The engine's flags and segments: exchanged as a whole, read without a lock.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use super::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::DataSet;

/// The most bytes a data file may have; a path that leads astray must not fill the memory.
pub const MAX_DATA_BYTES: u64 = 1 << 30;

/// What an engine evaluates.
#[derive(Default)]
pub(super) struct Data {
    current: ArcSwapOption<Loaded>,
    /// Held by whoever is about to exchange them.
    exchanging: Mutex<()>,
}

/// Flags and segments, and where they come from.
pub(super) struct Loaded {
    pub(super) set: Arc<DataSet>,
    file: Option<DataFile>,
}

/// The file the data come from, and what it was like when it was read.
struct DataFile {
    path: PathBuf,
    stamp: Stamp,
}

/// By what one notices that a file has changed.
#[derive(PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    identity: u64,
}

impl Data {
    pub(super) fn current(&self) -> &ArcSwapOption<Loaded> {
        &self.current
    }
}

impl Engine {
    /// Sets the flags and segments, from the JSON of the service: `{"flags":{…},"segments":{…}}`.
    ///
    /// They are exchanged as a whole, without holding up anybody who evaluates; an evaluation that is under way ends with
    /// those it began with. A text that is refused changes nothing.
    ///
    /// # Errors
    /// See [`DataSet::parse`].
    pub fn set_data(&self, json: &str) -> Result<()> {
        self.shared.check_usable()?;
        let set = DataSet::parse(json)?;
        let _exchanging = self.shared.data.exchanging.lock();
        self.exchange(set, None);
        Ok(())
    }

    /// Does the same from a file, and remembers it for [`Engine::reload_data`]. Blocking: it reads the file, of
    /// [1 GiB](MAX_DATA_BYTES) at most.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when the file cannot be read, and see [`DataSet::parse`].
    pub fn load_data(&self, path: impl AsRef<Path>) -> Result<()> {
        self.shared.check_usable()?;
        let (set, stamp) = read(path.as_ref())?;
        let _exchanging = self.shared.data.exchanging.lock();
        self.exchange(set, Some(DataFile { path: path.as_ref().to_owned(), stamp }));
        Ok(())
    }

    /// Reads the file of [`Engine::load_data`] again, if it has changed since; returns whether it had. Blocking, and cheap
    /// enough to be called every second: nothing watches the file by itself, for a text that is refused needs somebody to be
    /// told of it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when the data do not come from a file, and see [`Engine::load_data`]. The data stay as
    /// they were; the next call tries again.
    pub fn reload_data(&self) -> Result<bool> {
        self.shared.check_usable()?;
        let data = &self.shared.data;
        let _exchanging = data.exchanging.lock();
        let current = data.current.load_full();
        let Some(known) = current.as_ref().and_then(|loaded| loaded.file.as_ref()) else {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "the data do not come from a file; load_data would remember one",
            ));
        };
        let metadata = std::fs::metadata(&known.path).map_err(|e| unreadable(&known.path, e))?;
        if Stamp::of(&metadata) == known.stamp {
            return Ok(false);
        }
        let (set, stamp) = read(&known.path)?;
        self.exchange(set, Some(DataFile { path: known.path.clone(), stamp }));
        Ok(true)
    }

    /// Returns the flags and segments as they are now; `None` before the first were set.
    pub fn data(&self) -> Option<Arc<DataSet>> {
        self.shared.data.current.load().as_ref().map(|loaded| loaded.set.clone())
    }

    /// Takes over another engine's flags and segments as they are now, and the file they come from; drops its own.
    ///
    /// It takes no lock of the other's, which may therefore be one that was inherited through `fork`, and is good for
    /// nothing else.
    pub fn take_over_data(&self, other: &Engine) {
        let _exchanging = self.shared.data.exchanging.lock();
        self.shared.data.current.store(other.shared.data.current.load_full());
        self.shared.epoch.advance();
    }

    fn exchange(&self, set: DataSet, file: Option<DataFile>) {
        self.shared.data.current.store(Some(Arc::new(Loaded { set: Arc::new(set), file })));
        self.shared.epoch.advance();
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

/// Reads a file, which may be exchanged meanwhile: the stamp is of before, so that a later change is noticed.
fn read(path: &Path) -> Result<(DataSet, Stamp)> {
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
    Ok((DataSet::parse(&text).map_err(|e| e.at(path.display()))?, stamp))
}

fn unreadable(path: &Path, cause: std::io::Error) -> Error {
    let message = format!("{}: cannot be read: {cause}", path.display());
    Error::with_source(ErrorKind::InvalidArgument, message, cause)
}
