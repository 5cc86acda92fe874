//! Any number of integrations, as one file defines them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;

use super::config_file::{
    FileProblems, FileText, IntegrationEdit, IntegrationFile, Variables, of_this_process, read_text, respell,
    too_rich,
};
use super::{Integration, IntegrationConfig, IntegrationDefinition};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

/// What a registry needs to know.
#[derive(Clone)]
pub struct RegistryConfig {
    /// The file that defines the integrations.
    pub path: PathBuf,
    /// Where `${NAME}` in it is looked up. Default: the environment of this process, at each reading.
    pub variables: Variables,
    /// What time it is. Default: the machine's clocks.
    pub clock: Clock,
}

impl RegistryConfig {
    /// Names the file; all else has its default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), variables: of_this_process(), clock: Clock::System }
    }
}

/// What reloading the file has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Integrations that were not there before.
    pub started: usize,
    /// Integrations that are defined differently now.
    pub changed: usize,
    /// Integrations that are no longer there.
    pub stopped: usize,
    /// Integrations that went on undisturbed.
    pub unchanged: usize,
}

/// The integrations of one file; all methods may be called from any thread. Those that read or write the file block.
pub struct Registry {
    config: RegistryConfig,
    /// Held while the file is read or written and its integrations are adapted to it.
    turn: Mutex<()>,
    running: Mutex<Running>,
}

#[derive(Default, Clone)]
struct Running {
    state_directory: Option<PathBuf>,
    integrations: Vec<Arc<Integration>>,
}

impl Registry {
    /// Reads the file and starts what it defines.
    ///
    /// # Errors
    /// Everything that is wrong with the file; nothing is started then.
    pub fn open(config: RegistryConfig) -> Result<Self, FileProblems> {
        let file = IntegrationFile::read(&config.path, &config.variables)?;
        let registry = Self { config, turn: Mutex::new(()), running: Mutex::default() };
        registry.adapt(file)?;
        Ok(registry)
    }

    /// Returns the integrations, in the file's order.
    pub fn integrations(&self) -> Vec<Arc<Integration>> {
        self.running.lock().integrations.clone()
    }

    /// Returns the integration of that id.
    pub fn integration(&self, id: &str) -> Option<Arc<Integration>> {
        self.integrations().into_iter().find(|integration| integration.definition().id == id)
    }

    /// Reads the file anew. Integrations whose definition has not changed go on undisturbed; a new name or SDK key disturbs nothing
    /// either. Waits for those that end.
    ///
    /// # Errors
    /// Everything that is wrong with the file; everything goes on as before then.
    pub fn reload(&self) -> Result<Reloaded, FileProblems> {
        let _turn = self.turn.lock();
        self.adapt(IntegrationFile::read(&self.config.path, &self.config.variables)?)
    }

    /// Changes one integration, in the file first: at once or not at all, with everything else in it left as it is.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when there is no such integration; [`ErrorKind::InvalidConfig`] when the change makes no
    /// sense, or the file does not; [`ErrorKind::Internal`] when the file cannot be written. Nothing has changed then.
    pub fn edit(&self, id: &str, edits: &[IntegrationEdit]) -> Result<()> {
        let _turn = self.turn.lock();
        let text = read_text(&self.config.path)?;
        let file = IntegrationFile::parse(&text, &self.config.variables)?;
        let number = file.integrations.iter().position(|definition| definition.id == id);
        let number = number.ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, "there is no such integration in the file any more")
        })?;
        let mut wanted = file.clone();
        let mut edited = FileText::parse(&text)?;
        for edit in edits {
            let definition = &mut wanted.integrations[number];
            match edit {
                IntegrationEdit::On(on) => {
                    definition.on = *on;
                    edited.set_on(number, *on)?;
                }
                IntegrationEdit::Name(name) if *name == definition.name => {}
                IntegrationEdit::Name(name) => {
                    super::config::check_name(name)?;
                    definition.name.clone_from(name);
                    edited.set_name(number, name)?;
                }
                IntegrationEdit::Store(text) if text.0 == definition.store.to_string() => {}
                IntegrationEdit::Store(text) => {
                    let (spelling, prefix, store) =
                        respell(edited.table(number)?, &definition.store, &text.0)?;
                    definition.store = store;
                    edited.set_store(number, spelling, prefix)?;
                }
                IntegrationEdit::Delete => {
                    wanted.integrations.remove(number);
                    edited.delete(number)?;
                    break;
                }
            }
        }
        let edited = edited.into_text();
        // The new text must say exactly what was wanted, or it is not written.
        let read = IntegrationFile::parse(&edited, &self.config.variables).map_err(without_lines)?;
        if read != wanted {
            return Err(too_rich());
        }
        self.check_state_directory(&read)?;
        replace(&self.config.path, &edited)?;
        self.adapt(read)?;
        Ok(())
    }

    /// Refuses another place for error logs, which are open.
    fn check_state_directory(&self, file: &IntegrationFile) -> Result<(), FileProblems> {
        let running = self.running.lock();
        match running.state_directory == file.state_directory || running.integrations.is_empty() {
            true => Ok(()),
            false => Err(FileProblems::whole("state_directory has changed; that needs a restart")),
        }
    }

    /// Makes what runs what the file says.
    fn adapt(&self, file: IntegrationFile) -> Result<Reloaded, FileProblems> {
        let mut before = self.running.lock().clone();
        let mut report = Reloaded::default();
        self.check_state_directory(&file)?;
        let mut plan: Vec<(IntegrationDefinition, Option<Arc<Integration>>)> = Vec::new();
        for definition in file.integrations {
            let known = before.integrations.iter().position(|known| {
                let known = known.definition();
                known.is_same_integration(&definition)
            });
            plan.push((definition, known.map(|position| before.integrations.remove(position))));
        }
        // Those that end come first: another one may want their store, or their error log.
        report.stopped = before.integrations.len();
        pollster::block_on(join_all(before.integrations.iter().map(|integration| integration.close())));
        let mut integrations = Vec::new();
        let mut problems = Vec::new();
        for (definition, known) in plan {
            let id = definition.id.clone();
            let outcome = match known {
                Some(known) if known.definition() == definition => {
                    report.unchanged += 1;
                    Ok(known)
                }
                Some(known) => {
                    report.changed += 1;
                    known.set_definition(definition).map(|()| known)
                }
                None => {
                    report.started += 1;
                    let state_directory = file.state_directory.clone();
                    let clock = self.config.clock.clone();
                    let config =
                        IntegrationConfig { state_directory, clock, ..IntegrationConfig::new(definition) };
                    Integration::start(config).map(Arc::new)
                }
            };
            match outcome {
                Ok(integration) => integrations.push(integration),
                Err(e) => problems.push(format!("{id} cannot be started: {}", e.message())),
            }
        }
        *self.running.lock() = Running { state_directory: file.state_directory, integrations };
        match problems.is_empty() {
            true => Ok(report),
            false => Err(FileProblems::whole(problems.join("; "))),
        }
    }

    /// Stops all integrations and waits until none touches its store any more; the file stays as it is.
    pub async fn close(&self) {
        let integrations = self.integrations();
        join_all(integrations.iter().map(|integration| integration.close())).await;
    }

    /// Does the same, blocking the thread; not to be called from an executor's thread.
    pub fn close_blocking(&self) {
        pollster::block_on(self.close());
    }
}

/// Says what is wrong with a change: whoever makes it does not see the lines.
fn without_lines(problems: FileProblems) -> Error {
    let messages: Vec<String> = problems.0.into_iter().map(|problem| problem.message).collect();
    Error::new(ErrorKind::InvalidConfig, messages.join("; "))
}

/// Replaces a file, at once or not at all; its permissions stay, and a link to it stays a link.
fn replace(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let path = path.canonicalize()?;
        let mut temporary = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
        temporary.write_all(text.as_bytes())?;
        temporary.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
        temporary.as_file().sync_all()?;
        temporary.persist(&path)?;
        Ok::<(), std::io::Error>(())
    };
    write().map_err(|e| {
        let message = format!("the file {} cannot be written: {e}", path.display());
        Error::new(ErrorKind::Internal, message)
    })
}
