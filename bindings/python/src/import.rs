//! Imports of lists into a store.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use bigseg::__internal::runtime::ForkGeneration;
use bigseg::import::{ImportOptions, LineFormat, LineReader};
use bigseg::store::StoreWriter;
use bigseg::{ContextHash, Error, ErrorKind, Result, SegmentRef};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::argument::{hash_of_key, parse_hash};
use crate::clock::ManualClock;
use crate::error::to_py_err;
use crate::gil::{with_gil, without_gil};
use crate::python_types;
use crate::store_config::StoreConfig;

/// The native half of `bigseg.Import`, which is a subclass.
#[pyclass(frozen, subclass, module = "bigseg._native")]
pub(crate) struct Import {
    /// `None` after `commit` or `abandon`. The lock is never taken with the GIL held.
    import: Mutex<Option<bigseg::import::Import>>,
    /// Keeps a named memory store alive.
    writer: Option<Arc<dyn StoreWriter>>,
    generation: ForkGeneration,
}

impl Import {
    fn with_import<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut bigseg::import::Import) -> Result<R> + Send,
    ) -> PyResult<R> {
        let result = self.generation.check().and_then(|()| {
            without_gil(py, || {
                let mut import = self.import.lock();
                work(import.as_mut().ok_or_else(already_used)?)
            })
        });
        result.map_err(|e| to_py_err(py, &e))
    }

    fn add_entry(&self, py: Python<'_>, hash: ContextHash, segment_ref: &str, entry: &str) -> PyResult<()> {
        let entry = entry.parse().map_err(|e| to_py_err(py, &e))?;
        self.with_import(py, |import| import.add(hash, segment_ref, entry))
    }
}

fn already_used() -> Error {
    Error::new(ErrorKind::AlreadyUsed, "this import was already committed or abandoned; create a new one")
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
        let opened = without_gil(py, || {
            let replace = replace.map(SegmentRef::parse).transpose()?;
            let writer: Arc<dyn StoreWriter> = config.writer()?;
            Ok((writer, replace))
        });
        let (writer, replace) = opened.map_err(|e: Error| to_py_err(py, &e))?;
        let mut options = ImportOptions { replace, ..ImportOptions::default() };
        if let Some(clock) = clock {
            options.clock = bigseg::Clock::Manual(clock.get().0.clone());
        }
        let import = bigseg::import::Import::new(writer.clone(), options);
        Ok(Self {
            import: Mutex::new(Some(import)),
            writer: Some(writer),
            generation: ForkGeneration::current(),
        })
    }

    /// Adds an entry by the context's key: the segment includes or excludes the context.
    #[pyo3(signature = (context_key, segment_ref, entry = "include"))]
    fn add(
        &self,
        py: Python<'_>,
        context_key: &Bound<'_, PyAny>,
        segment_ref: &str,
        entry: &str,
    ) -> PyResult<()> {
        self.add_entry(py, hash_of_key(context_key)?, segment_ref, entry)
    }

    /// Adds an entry by the context's hash: the segment includes or excludes the context.
    #[pyo3(signature = (context_hash, segment_ref, entry = "include"))]
    fn add_by_hash(
        &self,
        py: Python<'_>,
        context_hash: &Bound<'_, PyAny>,
        segment_ref: &str,
        entry: &str,
    ) -> PyResult<()> {
        self.add_entry(py, parse_hash(context_hash)?, segment_ref, entry)
    }

    /// Adds every line of a file, and returns the number of skipped lines.
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
                return Err(to_py_err(py, &Error::new(ErrorKind::InvalidArgument, message)));
            }
        };
        self.with_import(py, |import| {
            let segment = segment_ref.map(SegmentRef::parse).transpose()?;
            let reader = LineReader { format: line_format, segment, hashed };
            let file = File::open(&path).map_err(|e| {
                let message = format!("{} cannot be opened: {e}", path.display());
                Error::with_source(ErrorKind::InvalidInput, message, e)
            })?;
            let mut bad_lines = 0;
            reader.read(file, import, &mut |bad_line| {
                if !skip_bad_lines {
                    return Err(bad_line.into());
                }
                bad_lines += 1;
                Ok(())
            })?;
            Ok(bad_lines)
        })
    }

    /// The number of added entries.
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.with_import(py, |import| Ok(import.len() as usize))
    }

    /// Writes the list and marks the store as synchronised.
    ///
    /// `progress` is called with the numbers of contexts and memberships written so far.
    #[pyo3(signature = (progress = None))]
    fn commit(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        self.generation.check().map_err(|e| to_py_err(py, &e))?;
        let (report, raised_by_progress) = without_gil(py, || {
            let import = self.import.lock().take().ok_or_else(already_used);
            let mut exception = None;
            let report = import.and_then(|import| {
                import.finish(&mut |done| {
                    let Some(progress) = progress.as_ref().filter(|_| exception.is_none()) else { return };
                    let called = with_gil(|py| progress.call1(py, (done.contexts, done.memberships)));
                    exception = called.and_then(Result::err);
                })
            });
            (report, exception)
        });
        match (report, raised_by_progress) {
            (Err(e), _) => Err(to_py_err(py, &e)),
            (Ok(_), Some(exception)) => Err(exception),
            (Ok(report), None) => python_types::import_report(py, &report),
        }
    }

    /// Discards the list; nothing is written. Has no effect after `commit`.
    fn abandon(&self, py: Python<'_>) {
        if !self.generation.is_stale() {
            without_gil(py, || drop(self.import.lock().take()));
        }
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        if self.generation.is_stale() {
            // The connections and threads belong to the parent process.
            std::mem::forget((self.import.get_mut().take(), self.writer.take()));
            return;
        }
        let closing = (self.import.get_mut().take(), self.writer.take());
        Python::try_attach(|py| py.detach(|| drop(closing)));
    }
}
