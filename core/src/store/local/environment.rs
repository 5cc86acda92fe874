//! Opens the file, once for each process and path, and checks its length and its format.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::mem::ManuallyDrop;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use heed::{Env, EnvFlags, EnvOpenOptions};
use parking_lot::Mutex;

use super::config::LocalConfig;
use super::error::{failure, not_a_store};
use super::row_cache::RowCache;
use super::tables::{FORMAT, FORMAT_1, TABLES, Tables};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{ForkGeneration, fork_guard};

/// The most threads and processes that read at the same time; pre-forking servers have many.
const MAX_READERS: u32 = 1024;
const PAGE: u64 = 4096;
/// How often the length of a file is checked: a writer may be about to extend a file that is too
/// short.
const LENGTH_CHECKS: u32 = 5;
/// How often the lock file is compared with the file: they differ while a writer commits.
const AGREEMENT_CHECKS: u32 = 5;

/// An opened embedded store, shared by every reader and writer of this process.
pub(super) struct Environment {
    pub(super) env: ManuallyDrop<Env>,
    /// Whether `env` was dropped early, by [`Environment::abandon`].
    is_abandoned: AtomicBool,
    pub(super) tables: Tables,
    pub(super) row_cache: RowCache,
    path: PathBuf,
    identity: Identity,
    stamp: ForkGeneration,
}

/// Identifies a file, whatever its path: device and inode.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

static OPENED: LazyLock<Mutex<HashMap<PathBuf, Weak<Environment>>>> = LazyLock::new(Mutex::default);

impl Environment {
    /// Opens an existing store.
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

    /// Opens a store for writing, and creates it if it does not exist.
    pub(super) fn open_or_create(config: &LocalConfig) -> Result<Arc<Self>> {
        let opening = |e: std::io::Error| failure(&format!("creating {}", config.path.display()), &e.into());
        if config.path.is_dir() {
            return Err(not_a_store(&config.path, "it is a directory"));
        }
        // Both files are created here and not by LMDB, so that the umask sets their permissions.
        OpenOptions::new().write(true).create(true).truncate(false).open(&config.path).map_err(opening)?;
        // An existing lock file is not opened here: closing it would release every lock that this
        // process holds on it, also those of active readers.
        match OpenOptions::new().write(true).create_new(true).open(lock_path(&config.path)) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(opening(e)),
            _ => {}
        }
        Self::shared(config, |env| {
            if let Some(tables) = Self::existing_tables(env, config)? {
                return Ok(tables);
            }
            let creating = |e: heed::Error| failure(&format!("creating {}", config.path.display()), &e);
            let mut txn = env.write_txn().map_err(creating)?;
            // If another process was faster, this opens its tables.
            let tables = Tables::create(env, &mut txn).map_err(creating)?;
            txn.commit().map_err(creating)?;
            Ok(tables)
        })
    }

    fn shared(config: &LocalConfig, tables: impl FnOnce(&Env) -> Result<Tables>) -> Result<Arc<Self>> {
        let opening = |e: heed::Error| failure(&format!("opening {}", config.path.display()), &e);
        let path = config.path.canonicalize().map_err(|e| opening(e.into()))?;
        let identity = Identity::of(&std::fs::metadata(&path).map_err(|e| opening(e.into()))?);
        let _gate = fork_guard();
        let mut opened = OPENED.lock();
        let shared = opened.get(&path).and_then(Weak::upgrade);
        if let Some(inherited) = shared.as_ref().filter(|shared| shared.stamp.is_stale()) {
            inherited.abandon();
        } else if let Some(shared) = shared {
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
        check_lock(&env, &path)?;
        // The slots of killed readers would keep old pages for ever.
        env.clear_stale_readers().map_err(opening)?;
        let tables = tables(&env)?;
        let shared = Arc::new(Self {
            env: ManuallyDrop::new(env),
            is_abandoned: AtomicBool::new(false),
            tables,
            row_cache: RowCache::default(),
            path: path.clone(),
            identity,
            stamp: ForkGeneration::current(),
        });
        opened.retain(|_, environment| environment.strong_count() > 0);
        opened.insert(path, Arc::downgrade(&shared));
        Ok(shared)
    }

    /// Closes an environment that was inherited through `fork`, even if it is still referenced.
    /// LMDB requires this order: close the inherited environment, then open the file in this
    /// process.
    fn abandon(&self) {
        debug_assert!(self.stamp.is_stale());
        if !self.is_abandoned.swap(true, Ordering::AcqRel) {
            // SAFETY: it happens once, and every user of `env` calls `check_process` before.
            unsafe { std::ptr::drop_in_place(std::ptr::from_ref(&*self.env).cast_mut()) };
        }
    }

    /// Opens the tables of a file; `None` if the file is new.
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
        // Table handles stay valid only if the transaction that opened them commits.
        txn.commit().map_err(opening)?;
        Ok(Some(tables))
    }

    /// Returns whether the path leads to another file now.
    pub(super) fn was_replaced(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|now| Identity::of(&now) != self.identity)
    }

    /// Fails if the path leads to another file or to none now: a write would be lost.
    pub(super) fn check_place(&self) -> Result<()> {
        match std::fs::metadata(&self.path) {
            Ok(now) if Identity::of(&now) == self.identity => Ok(()),
            _ => Err(Error::new(
                ErrorKind::StoreUnavailable,
                format!("{} was replaced or deleted while it was open; open it again", self.path.display()),
            )),
        }
    }

    /// Fails in a forked child.
    pub(super) fn check_process(&self) -> Result<()> {
        self.stamp.check()
    }

    /// Extends the file to the length in its header.
    ///
    /// LMDB leaves freed pages at the end unwritten. A file without them looks like a truncated
    /// one, in which reading a missing page would kill the process.
    pub(super) fn lengthen(&self) {
        let wanted = expected_length(&self.env);
        let lengthen = || -> std::io::Result<()> {
            if std::fs::metadata(&self.path)?.len() < wanted {
                OpenOptions::new().write(true).open(&self.path)?.set_len(wanted)?;
            }
            Ok(())
        };
        // The transaction is durable either way, so the write has succeeded.
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

impl Drop for Environment {
    fn drop(&mut self) {
        if !*self.is_abandoned.get_mut() {
            // SAFETY: it was not dropped before, and there is no other reference.
            unsafe { ManuallyDrop::drop(&mut self.env) };
        }
    }
}

fn open_env(path: &Path, map_size: u64) -> heed::Result<Env> {
    let length = std::fs::metadata(path)?.len();
    let map_size = map_size.max(length).next_multiple_of(PAGE) as usize;
    let open = |flags: EnvFlags| {
        let mut options = EnvOpenOptions::new();
        options.map_size(map_size).max_readers(MAX_READERS).max_dbs(TABLES);
        // SAFETY: the flags state that the path is a file, and what this process may not do with
        // it.
        unsafe { options.flags(flags | EnvFlags::NO_SUB_DIR | EnvFlags::NO_READ_AHEAD) };
        // SAFETY: only LMDB changes the file in place; the caller refuses a file that is too short.
        unsafe { options.open(path) }
    };
    let is_refused = |e: &heed::Error| matches!(e, heed::Error::Io(e) if matches!(e.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem));
    match open(EnvFlags::empty()) {
        Err(e) if is_refused(&e) => match open(EnvFlags::READ_ONLY) {
            // Without write access to the lock file, writers do not see this reader. A lookup is
            // safe unless two commits happen during its microseconds; a long scan may read reused
            // pages.
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
            "{} is damaged: it is {length} bytes long and should be {wanted}; restore it from a copy, or import again",
            path.display()
        ),
    ))
}

/// Refuses a file whose lock file belongs to a former file at this path, which other processes have
/// open.
///
/// The lock file names the latest of the two header pages of the file. The wrong page would show an
/// old state. After all processes have closed the former file, LMDB resets the lock file.
fn check_lock(env: &Env, path: &Path) -> Result<()> {
    let opening = |e: heed::Error| failure(&format!("opening {}", path.display()), &e);
    let agrees = || -> heed::Result<bool> {
        let locked = env.read_txn()?.id();
        Ok(locked == env.info().last_txn_id)
    };
    for _ in 0..AGREEMENT_CHECKS {
        // They differ while a writer commits.
        if agrees().map_err(opening)? {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // If a writer was killed during its commit, the next write transaction repairs the lock file.
    let is_read_only = env.flags().map_err(opening)?.is_some_and(|flags| flags.contains(EnvFlags::READ_ONLY));
    if !is_read_only {
        drop(env.write_txn().map_err(opening)?);
        if agrees().map_err(opening)? {
            return Ok(());
        }
    }
    Err(Error::new(
        ErrorKind::StoreUnavailable,
        format!("{} was replaced and other processes still use its old content; try again", path.display()),
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
