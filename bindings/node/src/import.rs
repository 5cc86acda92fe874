//! Imports of lists into a store. Slow work runs on a thread of Node's pool.

use std::fs::File;
use std::sync::Arc;

use bigseg::import::{Import, ImportOptions, ImportProgress, ImportReport, LineFormat, LineReader};
use bigseg::store::StoreWriter;
use bigseg::{Clock, ContextHash, ContextKey, Error, ErrorKind, SegmentRef, StoreConfig};
use napi::bindgen_prelude::{AsyncTask, ClassInstance, External, Object};
use napi::{Env, Task};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::clock::ManualClock;
use crate::error::{Failure, OrThrow, Result, to_js_error};
use crate::js_call::JsCall;
use crate::tsfn_queue::{Consumer, Message, Queue};

/// The state of an import.
enum State {
    Open(Box<Import>),
    /// A task adds a file to it.
    AddingFile,
    /// It was committed or abandoned.
    Used,
}

impl State {
    /// Takes the import out of its state, if it is open.
    fn take(&mut self, next: State) -> bigseg::Result<Box<Import>> {
        self.open()?;
        match std::mem::replace(self, next) {
            State::Open(import) => Ok(import),
            State::AddingFile | State::Used => Err(Error::new(ErrorKind::Internal, "the import is not open")),
        }
    }

    fn open(&mut self) -> bigseg::Result<&mut Import> {
        match self {
            State::Open(import) => Ok(import),
            State::AddingFile => Err(Error::new(
                ErrorKind::InvalidArgument,
                "a file is still being added; await addFile() first",
            )),
            State::Used => {
                Err(Error::new(ErrorKind::AlreadyUsed, "the import was already committed or abandoned"))
            }
        }
    }
}

/// The native half of `Import`.
#[napi]
pub struct NativeImport {
    state: Arc<Mutex<State>>,
    /// Keeps a named memory store alive.
    _writer: Arc<dyn StoreWriter>,
}

/// Begins an import; creates the store where the backend supports that.
#[napi]
pub fn open_import(
    store: &External<StoreConfig>,
    replace: Option<String>,
    clock: Option<ClassInstance<'_, ManualClock>>,
) -> AsyncTask<ImportOpening> {
    let clock = clock.map_or(Clock::System, |clock| Clock::Manual(clock.0.clone()));
    AsyncTask::new(ImportOpening { store: StoreConfig::clone(store), replace, clock })
}

/// Opens a store for writing, which may wait for the store.
pub struct ImportOpening {
    store: StoreConfig,
    replace: Option<String>,
    clock: Clock,
}

/// The result of [`open_import`].
#[napi(object, object_from_js = false)]
pub struct OpenedImport {
    /// Why opening failed.
    pub failure: Option<Failure>,
    /// The import.
    pub import: Option<NativeImport>,
}

impl ImportOpening {
    fn open(&self) -> bigseg::Result<NativeImport> {
        let writer = self.store.writer()?;
        let replace = self.replace.as_deref().map(SegmentRef::parse).transpose()?;
        let options = ImportOptions { replace, clock: self.clock.clone(), ..ImportOptions::default() };
        let import = Box::new(Import::new(writer.clone(), options));
        Ok(NativeImport { state: Arc::new(Mutex::new(State::Open(import))), _writer: writer })
    }
}

impl Task for ImportOpening {
    type Output = bigseg::Result<NativeImport>;
    type JsValue = OpenedImport;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.open())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<OpenedImport> {
        Ok(match output {
            Ok(import) => OpenedImport { failure: None, import: Some(import) },
            Err(e) => OpenedImport { failure: Some(Failure::from(&e)), import: None },
        })
    }
}

#[napi]
impl NativeImport {
    /// Adds an entry by the context's key.
    #[napi]
    pub fn add(&self, context_key: String, segment_ref: String, entry: String) -> Result<()> {
        let hash = ContextKey::new(&context_key).or_throw()?.hash();
        self.add_entry(hash, &segment_ref, &entry).or_throw()
    }

    /// Adds an entry by the context's hash.
    #[napi]
    pub fn add_by_hash(&self, context_hash: String, segment_ref: String, entry: String) -> Result<()> {
        let hash = ContextHash::parse(context_hash).or_throw()?;
        self.add_entry(hash, &segment_ref, &entry).or_throw()
    }

    /// Adds every line of a file.
    #[napi]
    pub fn add_file(
        &self,
        path: String,
        format: String,
        segment_ref: Option<String>,
        skip_bad_lines: bool,
    ) -> Result<AsyncTask<FileReading>> {
        let format_of_lines = match format.as_str() {
            "csv" | "csv_of_hashes" => LineFormat::Csv,
            "ndjson" => LineFormat::Ndjson,
            _ => {
                let message = "format must be \"csv\", \"csv_of_hashes\" or \"ndjson\"";
                return Err(to_js_error(&Error::new(ErrorKind::InvalidArgument, message)));
            }
        };
        let segment = segment_ref.as_deref().map(SegmentRef::parse).transpose().or_throw()?;
        let reader = LineReader { format: format_of_lines, segment, hashed: format == "csv_of_hashes" };
        let import = self.state.lock().take(State::AddingFile).or_throw()?;
        let state = self.state.clone();
        Ok(AsyncTask::new(FileReading { state, import: Some(import), reader, path, skip_bad_lines }))
    }

    /// Writes the list. Calls `receiver.deliver(contexts, memberships)` with the numbers written so
    /// far.
    #[napi]
    pub fn commit(&self, env: Env, receiver: Option<Object<'_>>) -> Result<AsyncTask<Commit>> {
        let mut commit = Commit { import: None, progress: None };
        if let Some(receiver) = receiver {
            let queue = Arc::new(Queue::default());
            queue.open(env, &receiver, ProgressConsumer)?;
            commit.progress = Some(queue);
        }
        commit.import = Some(self.state.lock().take(State::Used).or_throw()?);
        Ok(AsyncTask::new(commit))
    }

    /// Discards the list; nothing is written.
    #[napi]
    pub fn abandon(&self) {
        *self.state.lock() = State::Used;
    }

    fn add_entry(&self, hash: ContextHash, segment_ref: &str, entry: &str) -> bigseg::Result<()> {
        self.state.lock().open()?.add(hash, segment_ref, entry.parse()?)
    }
}

/// Adds the lines of a file to an import.
pub struct FileReading {
    state: Arc<Mutex<State>>,
    import: Option<Box<Import>>,
    reader: LineReader,
    path: String,
    skip_bad_lines: bool,
}

/// The result of adding a file or of a commit.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct ImportResult {
    /// Why the task failed.
    pub failure: Option<Failure>,
    /// Skipped lines.
    pub skipped: i64,
    /// Memberships in the list.
    pub memberships: i64,
    /// Contexts in the list.
    pub contexts: i64,
    /// Contexts that the replaced segment had before.
    pub replaced: i64,
}

impl FileReading {
    fn read(&mut self) -> bigseg::Result<i64> {
        let import = self.import.as_mut().expect("taken by resolve only");
        let file = File::open(&self.path).map_err(|e| {
            Error::with_source(ErrorKind::InvalidInput, format!("{} cannot be opened: {e}", self.path), e)
        })?;
        let mut skipped = 0;
        let skip_bad_lines = self.skip_bad_lines;
        self.reader.read(file, import, &mut |bad_line| {
            if !skip_bad_lines {
                return Err(bad_line.into());
            }
            skipped += 1;
            Ok(())
        })?;
        Ok(skipped)
    }
}

impl Task for FileReading {
    type Output = bigseg::Result<i64>;
    type JsValue = ImportResult;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.read())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<ImportResult> {
        let mut state = self.state.lock();
        // An import that was abandoned meanwhile stays so.
        if let (State::AddingFile, Some(import)) = (&*state, self.import.take()) {
            *state = State::Open(import);
        }
        Ok(match output {
            Ok(skipped) => ImportResult { skipped, ..ImportResult::default() },
            Err(e) => ImportResult { failure: Some(Failure::from(&e)), ..ImportResult::default() },
        })
    }
}

/// The progress of a commit.
struct ProgressMessage(ImportProgress);

impl Message for ProgressMessage {
    fn replaces(&self, _before: &Self) -> bool {
        true
    }
}

/// Calls `deliver(contexts, memberships)` in JavaScript.
struct ProgressConsumer;

impl Consumer for ProgressConsumer {
    type Message = ProgressMessage;

    fn consume(&self, js: &JsCall, ProgressMessage(progress): ProgressMessage) -> napi::Result<()> {
        js.call(&[js.value(progress.contexts as f64)?, js.value(progress.memberships as f64)?])
    }
}

/// Writes an import to its store.
pub struct Commit {
    import: Option<Box<Import>>,
    progress: Option<Arc<Queue<ProgressMessage>>>,
}

impl Task for Commit {
    type Output = bigseg::Result<ImportReport>;
    type JsValue = ImportResult;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let import =
            self.import.take().ok_or_else(|| napi::Error::from_reason("the import was already written"))?;
        Ok(import.finish(&mut |progress| {
            if let Some(queue) = &self.progress {
                queue.push(ProgressMessage(progress));
            }
        }))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<ImportResult> {
        Ok(match output {
            Ok(report) => ImportResult {
                failure: None,
                skipped: 0,
                memberships: report.memberships as i64,
                contexts: report.contexts as i64,
                replaced: report.replaced as i64,
            },
            Err(e) => ImportResult { failure: Some(Failure::from(&e)), ..ImportResult::default() },
        })
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        if let Some(queue) = &self.progress {
            queue.close();
        }
    }
}
