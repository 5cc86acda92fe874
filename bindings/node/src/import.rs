//! Filling a store from lists. What may take long runs on a thread of Node's own pool.

use std::fs::File;
use std::sync::Arc;

use bigseg_core::import::{Import, ImportOptions, ImportProgress, ImportReport, LineFormat, LineReader};
use bigseg_core::store::StoreWriter;
use bigseg_core::{Clock, ContextHash, ContextKey, Error, ErrorKind, SegmentRef, StoreConfig};
use napi::bindgen_prelude::{AsyncTask, ClassInstance, Object};
use napi::{Env, Task};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::clock::ManualClock;
use crate::error::{Failure, Raise, Result, raised};
use crate::js_call::Courier;
use crate::tsfn_queue::{Mail, Mailbox, Recipient};

/// Where the list is at the moment.
enum List {
    Here(Box<Import>),
    /// A file is being read into it.
    Away,
    Used,
}

impl List {
    fn take(&mut self, then: List) -> bigseg_core::Result<Box<Import>> {
        self.here()?;
        match std::mem::replace(self, then) {
            List::Here(import) => Ok(import),
            List::Away | List::Used => Err(Error::new(ErrorKind::Internal, "the list is not here")),
        }
    }

    fn here(&mut self) -> bigseg_core::Result<&mut Import> {
        match self {
            List::Here(import) => Ok(import),
            List::Away => Err(Error::new(
                ErrorKind::InvalidArgument,
                "a file is still being added; await addFile() first",
            )),
            List::Used => {
                Err(Error::new(ErrorKind::AlreadyUsed, "the import was committed or abandoned before"))
            }
        }
    }
}

/// The native half of `Import`.
#[napi]
pub struct NativeImport {
    list: Arc<Mutex<List>>,
    /// A memory store lives as long as somebody holds it.
    _writer: Arc<dyn StoreWriter>,
}

/// Begins an import, creating the store where that is possible; resolves with the import.
#[napi]
pub fn open_import(
    store: String,
    replace: Option<String>,
    clock: Option<ClassInstance<'_, ManualClock>>,
) -> AsyncTask<Opening> {
    let clock = clock.map_or(Clock::System, |clock| Clock::Manual(clock.0.clone()));
    AsyncTask::new(Opening { store, replace, clock })
}

/// Opens a store for writing, which may wait for it.
pub struct Opening {
    store: String,
    replace: Option<String>,
    clock: Clock,
}

/// What became of [`open_import`].
#[napi(object, object_from_js = false)]
pub struct Opened {
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The import.
    pub import: Option<NativeImport>,
}

impl Opening {
    fn open(&self) -> bigseg_core::Result<NativeImport> {
        let writer = StoreConfig::parse(&self.store)?.writer()?;
        let replace = self.replace.as_deref().map(SegmentRef::parse).transpose()?;
        let options = ImportOptions { replace, clock: self.clock.clone(), ..ImportOptions::default() };
        let import = Box::new(Import::new(writer.clone(), options));
        Ok(NativeImport { list: Arc::new(Mutex::new(List::Here(import))), _writer: writer })
    }
}

impl Task for Opening {
    type Output = bigseg_core::Result<NativeImport>;
    type JsValue = Opened;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.open())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Opened> {
        Ok(match output {
            Ok(import) => Opened { failure: None, import: Some(import) },
            Err(e) => Opened { failure: Some(Failure::from(&e)), import: None },
        })
    }
}

#[napi]
impl NativeImport {
    /// Adds a membership.
    #[napi]
    pub fn add(&self, context_key: String, segment_ref: String, included: bool) -> Result<()> {
        let hash = ContextKey::new(&context_key).raise()?.hash();
        self.list.lock().here().and_then(|list| list.add(hash, &segment_ref, included)).raise()
    }

    /// Adds a membership by the context's hash.
    #[napi]
    pub fn add_by_hash(&self, context_hash: String, segment_ref: String, included: bool) -> Result<()> {
        let hash = ContextHash::parse(context_hash).raise()?;
        self.list.lock().here().and_then(|list| list.add(hash, &segment_ref, included)).raise()
    }

    /// Adds every line of a file.
    #[napi]
    pub fn add_file(
        &self,
        path: String,
        format: String,
        segment_ref: Option<String>,
        skip_bad_lines: bool,
    ) -> Result<AsyncTask<Reading>> {
        let format_of_lines = match format.as_str() {
            "csv" | "csv_of_hashes" => LineFormat::Csv,
            "ndjson" => LineFormat::Ndjson,
            _ => {
                let message = "format must be \"csv\", \"csv_of_hashes\" or \"ndjson\"";
                return Err(raised(&Error::new(ErrorKind::InvalidArgument, message)));
            }
        };
        let segment = segment_ref.as_deref().map(SegmentRef::parse).transpose().raise()?;
        let reader = LineReader { format: format_of_lines, segment, hashed: format == "csv_of_hashes" };
        let import = self.list.lock().take(List::Away).raise()?;
        let home = self.list.clone();
        Ok(AsyncTask::new(Reading { home, import: Some(import), reader, path, skip_bad_lines }))
    }

    /// Writes the list; `receiver.deliver(contexts, memberships)` hears how many are written so far.
    #[napi]
    pub fn commit(&self, env: Env, receiver: Option<Object<'_>>) -> Result<AsyncTask<Writing>> {
        let mut writing = Writing { import: None, audience: None };
        if let Some(receiver) = receiver {
            let mailbox = Arc::new(Mailbox::default());
            mailbox.open(env, &receiver, Told)?;
            writing.audience = Some(mailbox);
        }
        writing.import = Some(self.list.lock().take(List::Used).raise()?);
        Ok(AsyncTask::new(writing))
    }

    /// Gives the list up; nothing is written.
    #[napi]
    pub fn abandon(&self) {
        *self.list.lock() = List::Used;
    }
}

/// Reads a file into a list.
pub struct Reading {
    home: Arc<Mutex<List>>,
    import: Option<Box<Import>>,
    reader: LineReader,
    path: String,
    skip_bad_lines: bool,
}

/// What became of an import's work.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Progress {
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Lines that were left out.
    pub skipped: i64,
    /// Memberships of the list.
    pub memberships: i64,
    /// Contexts of the list.
    pub contexts: i64,
    /// Contexts that were in the replaced segment before.
    pub replaced: i64,
}

impl Reading {
    fn read(&mut self) -> bigseg_core::Result<i64> {
        let import = self.import.as_mut().expect("taken by resolve only");
        let file = File::open(&self.path).map_err(|e| {
            Error::with_source(ErrorKind::InvalidInput, format!("{} cannot be opened: {e}", self.path), e)
        })?;
        let (mut skipped, skip_bad_lines) = (0, self.skip_bad_lines);
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

impl Task for Reading {
    type Output = bigseg_core::Result<i64>;
    type JsValue = Progress;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(self.read())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Progress> {
        let mut home = self.home.lock();
        // Unless it was abandoned meanwhile.
        if let (List::Away, Some(import)) = (&*home, self.import.take()) {
            *home = List::Here(import);
        }
        Ok(match output {
            Ok(skipped) => Progress { skipped, ..Progress::default() },
            Err(e) => Progress { failure: Some(Failure::from(&e)), ..Progress::default() },
        })
    }
}

/// How far an import has come.
struct Done(ImportProgress);

impl Mail for Done {
    fn supersedes(&self, _before: &Self) -> bool {
        true
    }
}

/// Tells JavaScript how far it has come.
struct Told;

impl Recipient for Told {
    type Mail = Done;

    fn pass_on(&self, courier: &Courier, Done(progress): Done) -> napi::Result<()> {
        courier.call(&[courier.make(progress.contexts as f64)?, courier.make(progress.memberships as f64)?])
    }
}

/// Writes a list to its store.
pub struct Writing {
    import: Option<Box<Import>>,
    audience: Option<Arc<Mailbox<Done>>>,
}

impl Task for Writing {
    type Output = bigseg_core::Result<ImportReport>;
    type JsValue = Progress;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let import = self.import.take().ok_or_else(|| napi::Error::from_reason("written before"))?;
        Ok(import.finish(&mut |progress| {
            if let Some(audience) = &self.audience {
                audience.post(Done(progress));
            }
        }))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Progress> {
        Ok(match output {
            Ok(report) => Progress {
                failure: None,
                skipped: 0,
                memberships: report.memberships as i64,
                contexts: report.contexts as i64,
                replaced: report.replaced as i64,
            },
            Err(e) => Progress { failure: Some(Failure::from(&e)), ..Progress::default() },
        })
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(audience) = &self.audience {
            audience.close();
        }
    }
}
