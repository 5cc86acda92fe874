use std::ops::ControlFlow;
use std::sync::mpsc::{SyncSender, sync_channel};

use arc_swap::ArcSwapOption;

use super::config::LocalConfig;
use super::environment::Environment;
use super::error::failure;
use super::tables::SYNCHRONIZED_ON;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::runtime::BoxFuture;
use crate::store::{
    BatchResult, InlineReader, Metadata, StoreReader, StoreScanner, parse_synchronized_on, query_inline,
};

/// Reads an embedded store. It may be created before the store exists, and opens it on the first
/// use after that.
pub struct LocalReader {
    config: LocalConfig,
    /// Swapped as a whole, so that concurrent lookups share no lock and no reference count.
    environment: ArcSwapOption<Environment>,
}

/// An error of a read: of this library, or of LMDB.
enum ReadError {
    Store(Error),
    Storage(heed::Error),
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<heed::Error> for ReadError {
    fn from(error: heed::Error) -> Self {
        Self::Storage(error)
    }
}

impl LocalReader {
    /// Creates a reader, which opens the file on the first use.
    pub fn new(config: LocalConfig) -> Self {
        Self { config, environment: ArcSwapOption::empty() }
    }

    /// Runs `read` on the file. Opens the file again if it has grown beyond the mapping of this
    /// process.
    fn with<T>(&self, mut read: impl FnMut(&Environment) -> Result<T, ReadError>) -> Result<T> {
        for _ in 0..2 {
            let mut opened = self.environment.load();
            if opened.is_none() {
                self.environment.store(Some(Environment::open(&self.config)?));
                opened = self.environment.load();
            }
            // Another thread may have closed it meanwhile.
            let Some(environment) = opened.as_deref() else { continue };
            environment.check_process()?;
            match read(environment) {
                Ok(result) => return Ok(result),
                // The file can be opened again only after this process has closed it; other threads
                // may use it for a moment.
                Err(ReadError::Storage(heed::Error::Mdb(heed::MdbError::MapResized))) => {
                    self.environment.store(None);
                }
                Err(ReadError::Store(error)) => return Err(error),
                Err(ReadError::Storage(e)) => {
                    return Err(failure(&format!("reading {}", environment.path().display()), &e));
                }
            }
        }
        let path = self.config.path.display();
        Err(Error::new(
            ErrorKind::StoreUnavailable,
            format!(
                "{path} has grown beyond the mapping of this process; close its other users in this process"
            ),
        ))
    }
}

impl InlineReader for LocalReader {
    fn read(&self, hashes: &[ContextHash], memberships: &mut [Membership]) -> Result<()> {
        self.with(|environment| {
            let txn = environment.env.read_txn()?;
            for (hash, membership) in hashes.iter().zip(memberships.iter_mut()) {
                *membership = match environment.tables.memberships.get(&txn, hash.as_bytes())? {
                    None => Membership::empty(),
                    Some(row) => environment.row_cache.membership(row, &environment.tables, &txn)?,
                };
            }
            Ok(())
        })
    }

    fn read_metadata(&self) -> Result<Metadata> {
        if self.environment.load().as_ref().is_some_and(|environment| environment.was_replaced()) {
            self.environment.store(None);
        }
        self.with(|environment| {
            let txn = environment.env.read_txn()?;
            let text = environment.tables.metadata.get(&txn, SYNCHRONIZED_ON)?;
            Ok(Metadata { synchronized_on: parse_synchronized_on(text)? })
        })
    }
}

impl StoreReader for LocalReader {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        Box::pin(std::future::ready(query_inline(self, hashes)))
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(std::future::ready(self.read_metadata()))
    }

    fn as_inline(&self) -> Option<&dyn InlineReader> {
        Some(self)
    }
}

/// The number of contexts in one batch of a scan, and how many batches are read ahead.
const PORTION: usize = 1024;
const PORTIONS_AHEAD: usize = 2;

type Portion = Vec<(ContextHash, Membership)>;

impl StoreScanner for LocalReader {
    /// Scans one consistent snapshot of the store; writers are not blocked.
    fn scan(&self, visit: &mut dyn FnMut(ContextHash, Membership) -> ControlFlow<()>) -> Result<()> {
        self.with(|environment| {
            // LMDB allows one transaction for each thread, and `visit` may use the store on this
            // one.
            std::thread::scope(|scope| {
                let (sender, portions) = sync_channel(PORTIONS_AHEAD);
                let walker = scope.spawn(move || walk(environment, &sender));
                let stopped = portions.iter().flatten().any(|(hash, found)| visit(hash, found).is_break());
                // The scanning thread ends when the channel is closed.
                drop(portions);
                let walked = walker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                if stopped { Ok(()) } else { walked }
            })
        })
    }
}

/// Sends every context, in batches, until the channel is closed.
fn walk(environment: &Environment, portions: &SyncSender<Portion>) -> Result<(), ReadError> {
    let txn = environment.env.read_txn()?;
    let mut portion = Portion::new();
    for row in environment.tables.memberships.iter(&txn)? {
        let (key, row) = row?;
        let Ok(bytes) = key.try_into() else {
            return Err(ReadError::Store(Error::new(
                ErrorKind::StoreFormat,
                "the embedded store is damaged: a context hash has the wrong length",
            )));
        };
        let membership = environment.row_cache.membership(row, &environment.tables, &txn)?;
        portion.push((ContextHash::from_bytes(bytes), membership));
        if portion.len() == PORTION && portions.send(std::mem::take(&mut portion)).is_err() {
            return Ok(());
        }
    }
    // Fails if the channel is closed.
    let _ = portions.send(portion);
    Ok(())
}
