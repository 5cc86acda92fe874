//! Opens the file, once per process and path, and finds out whether it is whole and ours.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};

use heed::{Env, EnvFlags, EnvOpenOptions, MdbError};
use parking_lot::Mutex;

use super::config::LocalConfig;
use super::decoder::Decoder;
use super::tables::{FORMAT, FORMAT_1, TABLES, Tables};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::ProcessStamp;

/// Threads and processes that may read at the same time; pre-forking servers have many.
const MAX_READERS: u32 = 1024;
const PAGE: u64 = 4096;
/// How often a file that looks too short is looked at again: a writer may be just about to lengthen it.
const LENGTH_CHECKS: u32 = 5;

/// An opened embedded store, shared by every reader and writer of this process.
pub(super) struct Environment {
    pub(super) env: Env,
    pub(super) tables: Tables,
    pub(super) decoder: Decoder,
    path: PathBuf,
    identity: Identity,
    stamp: ProcessStamp,
}

/// Tells one file from another at the same path.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

static OPENED: LazyLock<Mutex<HashMap<PathBuf, Weak<Environment>>>> = LazyLock::new(Mutex::default);

impl Environment {
    /// Opens a store that must be there already.
    pub(super) fn open(config: &LocalConfig) -> Result<Arc<Self>> {
        let not_yet = |what: &str| {
            let path = config.path.display();
            Error::new(
                ErrorKind::StoreNotFound,
                format!("{what} at {path}; `bigseg import` or a writer creates it"),
            )
        };
        match std::fs::metadata(&config.path) {
            Ok(metadata) if metadata.is_dir() => Err(not_a_store(&config.path, "it is a directory")),
            Ok(metadata) if metadata.len() == 0 => Err(not_yet("there is only an empty file")),
            Ok(_) => Self::shared(config, |env| {
                Self::existing_tables(env, config)?.ok_or_else(|| not_yet("there is no finished store"))
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(not_yet("there is no embedded store")),
            Err(e) => Err(failure(&format!("opening {}", config.path.display()), &heed::Error::Io(e))),
        }
    }

    /// Opens a store for writing, creating what is missing.
    pub(super) fn open_or_create(config: &LocalConfig) -> Result<Arc<Self>> {
        let opening = |e: std::io::Error| failure(&format!("creating {}", config.path.display()), &e.into());
        if config.path.is_dir() {
            return Err(not_a_store(&config.path, "it is a directory"));
        }
        // Made here rather than by LMDB, so that the umask decides who else may read.
        for path in [config.path.clone(), lock_path(&config.path)] {
            OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(opening)?;
        }
        Self::shared(config, |env| {
            if let Some(tables) = Self::existing_tables(env, config)? {
                return Ok(tables);
            }
            let creating = |e: heed::Error| failure(&format!("creating {}", config.path.display()), &e);
            let mut txn = env.write_txn().map_err(creating)?;
            // Another process may have been faster, which is fine: creating is opening then.
            let tables = Tables::create(env, &mut txn).map_err(creating)?;
            txn.commit().map_err(creating)?;
            Ok(tables)
        })
    }

    fn shared(config: &LocalConfig, tables: impl FnOnce(&Env) -> Result<Tables>) -> Result<Arc<Self>> {
        let opening = |e: heed::Error| failure(&format!("opening {}", config.path.display()), &e);
        let path = config.path.canonicalize().map_err(|e| opening(e.into()))?;
        let identity = Identity::of(&std::fs::metadata(&path).map_err(|e| opening(e.into()))?);
        let mut opened = OPENED.lock();
        if let Some(shared) = opened.get(&path).and_then(Weak::upgrade) {
            shared.stamp.check()?;
            if shared.identity == identity {
                return Ok(shared);
            }
            return Err(Error::new(
                ErrorKind::StoreUnavailable,
                format!("{} was replaced and its old content is still in use; try again", path.display()),
            ));
        }
        let env = open_env(&path, config.map_size).map_err(opening)?;
        check_length(&env, &path)?;
        // Slots of readers that were killed would keep old pages alive for ever.
        env.clear_stale_readers().map_err(opening)?;
        let tables = tables(&env)?;
        let shared = Arc::new(Self {
            env,
            tables,
            decoder: Decoder::default(),
            path: path.clone(),
            identity,
            stamp: ProcessStamp::current(),
        });
        opened.retain(|_, environment| environment.strong_count() > 0);
        opened.insert(path, Arc::downgrade(&shared));
        Ok(shared)
    }

    /// Opens the tables of a file; `None` when the file is new.
    fn existing_tables(env: &Env, config: &LocalConfig) -> Result<Option<Tables>> {
        let opening = |e: heed::Error| failure(&format!("opening {}", config.path.display()), &e);
        let txn = env.read_txn().map_err(opening)?;
        let Some(tables) = Tables::open(env, &txn).map_err(opening)? else {
            let main: Option<heed::Database<heed::types::Bytes, heed::types::Bytes>> =
                env.open_database(&txn, None).map_err(opening)?;
            let is_new = match main {
                Some(main) => main.is_empty(&txn).map_err(opening)?,
                None => true,
            };
            return if is_new { Ok(None) } else { Err(not_a_store(&config.path, "another program made it")) };
        };
        let format = tables.metadata.get(&txn, FORMAT).map_err(opening)?;
        if format != Some(FORMAT_1) {
            let found = format.unwrap_or("none");
            return Err(not_a_store(
                &config.path,
                &format!("its format is {found:?}, this version reads {FORMAT_1:?}"),
            ));
        }
        // Table handles opened in a transaction become the environment's only when it commits.
        txn.commit().map_err(opening)?;
        Ok(Some(tables))
    }

    /// Returns whether the path leads to another file by now.
    pub(super) fn was_replaced(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|now| Identity::of(&now) != self.identity)
    }

    /// Fails in a forked child.
    pub(super) fn check_process(&self) -> Result<()> {
        self.stamp.check()
    }

    /// Makes the file as long as its header says.
    ///
    /// LMDB leaves freed pages at the end unwritten. Without them a whole file could not be told from one that was
    /// cut short, and reading a missing page of the latter would kill the process.
    pub(super) fn lengthen(&self) {
        let wanted = expected_length(&self.env);
        let lengthen = || -> std::io::Result<()> {
            if std::fs::metadata(&self.path)?.len() < wanted {
                OpenOptions::new().write(true).open(&self.path)?.set_len(wanted)?;
            }
            Ok(())
        };
        // What was written is safe either way, so this is no reason to call the write a failure.
        if let Err(e) = lengthen() {
            log::error!(
                "{} could not be grown to {wanted} bytes and may be taken for damaged: {e}",
                self.path.display()
            );
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn open_env(path: &Path, map_size: u64) -> heed::Result<Env> {
    let length = std::fs::metadata(path)?.len();
    let map_size = map_size.max(length).next_multiple_of(PAGE) as usize;
    let open = |flags: EnvFlags| {
        let mut options = EnvOpenOptions::new();
        options.map_size(map_size).max_readers(MAX_READERS).max_dbs(TABLES);
        // SAFETY: the flags only say that the path is a file, and that this process may not write or lock it.
        unsafe { options.flags(flags | EnvFlags::NO_SUB_DIR | EnvFlags::NO_READ_AHEAD) };
        // SAFETY: nobody but LMDB changes the file in place; a file that is too short is refused by the caller.
        unsafe { options.open(path) }
    };
    let is_refused = |e: &heed::Error| matches!(e, heed::Error::Io(e) if matches!(e.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem));
    match open(EnvFlags::empty()) {
        Err(e) if is_refused(&e) => match open(EnvFlags::READ_ONLY) {
            // Where even the lock file may not be written, nobody else can be writing the store either.
            Err(e) if is_refused(&e) && File::open(path).is_ok() => {
                open(EnvFlags::READ_ONLY | EnvFlags::NO_LOCK)
            }
            opened => opened,
        },
        opened => opened,
    }
}

fn check_length(env: &Env, path: &Path) -> Result<()> {
    let mut length = 0;
    for _ in 0..LENGTH_CHECKS {
        length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        if length >= expected_length(env) {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let wanted = expected_length(env);
    Err(Error::new(
        ErrorKind::StoreFormat,
        format!(
            "{} is damaged: it is {length} bytes long and should be {wanted}; restore it from a copy, or import anew",
            path.display()
        ),
    ))
}

fn expected_length(env: &Env) -> u64 {
    (env.info().last_page_number as u64 + 1) * u64::from(env.stat().page_size)
}

fn lock_path(path: &Path) -> PathBuf {
    let mut lock = path.as_os_str().to_owned();
    lock.push("-lock");
    lock.into()
}

fn not_a_store(path: &Path, reason: &str) -> Error {
    Error::new(
        ErrorKind::StoreFormat,
        format!("{} is not an embedded store of ours: {reason}", path.display()),
    )
}

/// Says what an LMDB failure means for the person who has to act on it.
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
        ) => (StoreFormat, "the file is damaged; restore it from a copy, or import anew"),
        heed::Error::Mdb(MdbError::ReadersFull) => {
            (StoreUnavailable, "too many threads are reading it at once")
        }
        heed::Error::Io(e) => match e.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => (StoreFull, "the disk is full"),
            Some(libc::EACCES | libc::EPERM | libc::EROFS) => {
                (StorePermission, "this process may not do that")
            }
            Some(libc::ENOENT) => (ErrorKind::StoreNotFound, "a directory on the way there does not exist"),
            _ => (StoreUnavailable, "the operating system reported a failure"),
        },
        _ => (StoreUnavailable, "the storage library reported a failure"),
    };
    Error::new(kind, format!("{doing}: {advice} ({error})"))
}
