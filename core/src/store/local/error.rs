//! Converts LMDB errors into errors that say what to do.

use std::path::Path;

use heed::MdbError;

use crate::error::{Error, ErrorKind};

/// Creates the error for a file that cannot be used as a store.
pub(super) fn not_a_store(path: &Path, reason: &str) -> Error {
    Error::new(
        ErrorKind::StoreFormat,
        format!("{} is not an embedded store of ours: {reason}", path.display()),
    )
}

/// Converts an LMDB error.
pub(super) fn failure(doing: &str, error: &heed::Error) -> Error {
    use ErrorKind::{StoreFormat, StoreFull, StorePermission, StoreUnavailable};
    let (kind, advice) = match error {
        heed::Error::Mdb(MdbError::MapFull) => {
            (StoreFull, "the store has reached its map_size; raise that option")
        }
        heed::Error::Mdb(MdbError::Invalid | MdbError::VersionMismatch) => {
            (StoreFormat, "the file is not an embedded store of ours, or its header is damaged")
        }
        heed::Error::Mdb(
            MdbError::Corrupted | MdbError::PageNotFound | MdbError::BadTxn | MdbError::Panic,
        ) => (StoreFormat, "the file is damaged; restore it from a copy, or import again"),
        heed::Error::Mdb(MdbError::ReadersFull) => {
            (StoreUnavailable, "too many threads are reading it at once")
        }
        heed::Error::Io(e) => match e.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => (StoreFull, "the disk is full"),
            Some(libc::EACCES | libc::EPERM | libc::EROFS) => {
                (StorePermission, "this process lacks the permission")
            }
            Some(libc::ENOENT | libc::ENOTDIR) => {
                (ErrorKind::StoreNotFound, "a directory of the path does not exist")
            }
            _ => (StoreUnavailable, "the operating system reported an error"),
        },
        _ => (StoreUnavailable, "LMDB reported an error"),
    };
    Error::new(kind, format!("{doing}: {advice} ({error})"))
}

/// Converts an LMDB error of a write.
///
/// LMDB reports a partial write as an input/output error, so the free space is checked.
pub(super) fn write_failure(path: &Path, error: &heed::Error) -> Error {
    let doing = format!("writing {}", path.display());
    match error {
        heed::Error::Io(e) if e.raw_os_error() == Some(libc::EIO) && has_no_room(path) => {
            failure(&doing, &std::io::Error::from_raw_os_error(libc::ENOSPC).into())
        }
        _ => failure(&doing, error),
    }
}

/// Returns whether a file can hardly grow: the file system is full, or the file size limit of this
/// process is reached.
fn has_no_room(path: &Path) -> bool {
    const LITTLE: u64 = 1 << 16;
    let Ok(name) = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()) else { return false };
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: all fields are numbers, for which zero is valid.
    let mut system: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: both calls only fill in the structure they are given; the name ends with a zero.
    let asked = unsafe {
        libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) == 0 && libc::statvfs(name.as_ptr(), &mut system) == 0
    };
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    asked
        && (system.f_bavail.saturating_mul(system.f_frsize) < LITTLE
            || length.saturating_add(LITTLE) > limit.rlim_cur)
}
