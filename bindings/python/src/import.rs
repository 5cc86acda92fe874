//! Imports: lists on their way into a store.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use bigseg_core::import::{ImportOptions, LineFormat, LineReader};
use bigseg_core::runtime::ForkGeneration;
use bigseg_core::store::StoreWriter;
use bigseg_core::{ContextHash, Error, ErrorKind, Result, SegmentRef};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::argument::{hash_of_key, hash_of_text};
use crate::clock::ManualClock;
use crate::error::raised;
use crate::gil::{detached, enter};
use crate::python_types;
use crate::store_config::StoreConfig;

/// The native half of `bigseg.Import`, which is a subclass.
#[pyclass(frozen, subclass, module = "bigseg._native")]
pub(crate) struct Import {
    /// `None` once it was committed, or given up. Never locked with the GIL held.
    list: Mutex<Option<bigseg_core::import::Import>>,
    /// Keeps a named memory store alive, as everything does that was opened on it.
    writer: Option<Arc<dyn StoreWriter>>,
    stamp: ForkGeneration,
}

impl Import {
    fn with<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut bigseg_core::import::Import) -> Result<R> + Send,
    ) -> PyResult<R> {
        let done = self.stamp.check().and_then(|()| {
            detached(py, || {
                let mut list = self.list.lock();
                work(list.as_mut().ok_or_else(already_used)?)
            })
        });
        done.map_err(|e| raised(py, &e))
    }

    fn put(&self, py: Python<'_>, hash: ContextHash, segment_ref: &str, included: bool) -> PyResult<()> {
        self.with(py, |list| list.add(hash, segment_ref, included))
    }
}

fn already_used() -> Error {
    Error::new(ErrorKind::AlreadyUsed, "this import was already committed or given up; begin a new one")
}

#[pymethods]
impl Import {
    #[new]
    #[pyo3(signature = (store, replace, clock))]
    fn new(
        py: Python<'_>,
        store: &Bound<'_, StoreConfig>,
        replace: Option<&str>,
        clock: Option<&Bound<'_, ManualClock>>,
    ) -> PyResult<Self> {
        let config = &store.get().0;
        let opened = detached(py, || {
            let replace = replace.map(SegmentRef::parse).transpose()?;
            let writer: Arc<dyn StoreWriter> = config.writer()?;
            Ok((writer, replace))
        });
        let (writer, replace) = opened.map_err(|e: Error| raised(py, &e))?;
        let mut options = ImportOptions { replace, ..ImportOptions::default() };
        if let Some(clock) = clock {
            options.clock = bigseg_core::Clock::Manual(clock.get().0.clone());
        }
        let list = bigseg_core::import::Import::new(writer.clone(), options);
        Ok(Self { list: Mutex::new(Some(list)), writer: Some(writer), stamp: ForkGeneration::current() })
    }

    /// Adds a membership: the context is included in the segment, or excluded from it.
    #[pyo3(signature = (context_key, segment_ref, included = true))]
    fn add(
        &self,
        py: Python<'_>,
        context_key: &Bound<'_, PyAny>,
        segment_ref: &str,
        included: bool,
    ) -> PyResult<()> {
        self.put(py, hash_of_key(context_key)?, segment_ref, included)
    }

    /// Adds a membership by the context's hash.
    #[pyo3(signature = (context_hash, segment_ref, included = true))]
    fn add_hash(
        &self,
        py: Python<'_>,
        context_hash: &Bound<'_, PyAny>,
        segment_ref: &str,
        included: bool,
    ) -> PyResult<()> {
        self.put(py, hash_of_text(context_hash)?, segment_ref, included)
    }

    /// Adds every line of a file, and returns how many were left out.
    fn _add_file(
        &self,
        py: Python<'_>,
        path: PathBuf,
        format: &str,
        segment_ref: Option<&str>,
        skip_bad_lines: bool,
    ) -> PyResult<u64> {
        let (line_format, hashed) = match format {
            "csv" => (LineFormat::Csv, false),
            "csv_of_hashes" => (LineFormat::Csv, true),
            "ndjson" => (LineFormat::Ndjson, false),
            _ => {
                let message = format!("format is {format:?}; it must be csv, csv_of_hashes or ndjson");
                return Err(raised(py, &Error::new(ErrorKind::InvalidArgument, message)));
            }
        };
        self.with(py, |list| {
            let segment = segment_ref.map(SegmentRef::parse).transpose()?;
            let reader = LineReader { format: line_format, segment, hashed };
            let file = File::open(&path).map_err(|e| {
                let message = format!("{} cannot be opened: {e}", path.display());
                Error::with_source(ErrorKind::InvalidInput, message, e)
            })?;
            let mut bad_lines = 0;
            reader.read(file, list, &mut |bad_line| {
                if !skip_bad_lines {
                    return Err(bad_line.into());
                }
                bad_lines += 1;
                Ok(())
            })?;
            Ok(bad_lines)
        })
    }

    /// How many memberships have been added.
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |list| Ok(list.len() as usize))
    }

    /// Writes the list and declares the store synchronised; `progress` hears how many contexts and memberships are
    /// written.
    #[pyo3(signature = (progress = None))]
    fn commit(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        self.stamp.check().map_err(|e| raised(py, &e))?;
        let (report, raised_by_progress) = detached(py, || {
            let list = self.list.lock().take().ok_or_else(already_used);
            let mut exception = None;
            let report = list.and_then(|list| {
                list.finish(&mut |done| {
                    let Some(progress) = progress.as_ref().filter(|_| exception.is_none()) else { return };
                    let called = enter(|py| progress.call1(py, (done.contexts, done.memberships)));
                    exception = called.and_then(Result::err);
                })
            });
            (report, exception)
        });
        match (report, raised_by_progress) {
            (Err(e), _) => Err(raised(py, &e)),
            (Ok(_), Some(exception)) => Err(exception),
            (Ok(report), None) => python_types::import_report(py, &report),
        }
    }

    /// Gives the list up; nothing is written. An import that was committed stays so.
    fn abandon(&self, py: Python<'_>) {
        if !self.stamp.is_stale() {
            detached(py, || drop(self.list.lock().take()));
        }
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        if self.stamp.is_stale() {
            // Its connections and threads belong to the process that forked this one.
            std::mem::forget((self.list.get_mut().take(), self.writer.take()));
            return;
        }
        let closing = (self.list.get_mut().take(), self.writer.take());
        Python::try_attach(|py| py.detach(|| drop(closing)));
    }
}
