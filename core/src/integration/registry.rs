//! All integrations of one configuration file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;

use super::config::{IntegrationConfig, IntegrationDefinition};
use super::config_file::{
    EditedFile, FileProblems, IntegrationEdit, IntegrationFile, Variables, edit_file, process_variables,
    read_text,
};
use super::instance::Integration;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Operation;

/// Configuration of a [`Registry`].
#[derive(Clone)]
pub struct RegistryConfig {
    /// The file that defines the integrations.
    pub path: PathBuf,
    /// The variables for `${NAME}` in the file. Default: the environment of this process, at the
    /// time of each read.
    pub variables: Variables,
    /// Source of the time. Default: the machine's clocks.
    pub clock: Clock,
}

impl RegistryConfig {
    /// Uses the file at `path`; every other option has its default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), variables: process_variables(), clock: Clock::System }
    }
}

/// What a reload of the file changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReloadSummary {
    /// Integrations that are new in the file.
    pub started: usize,
    /// Integrations whose definition changed.
    pub changed: usize,
    /// Integrations that the file no longer defines.
    pub stopped: usize,
    /// Integrations that kept running unchanged.
    pub unchanged: usize,
}

/// The integrations of one file. All methods may be called from any thread; those that read or
/// write the file block.
pub struct Registry {
    config: RegistryConfig,
    /// Held while the file is read or written and its integrations are reconciled with it.
    file_lock: Mutex<()>,
    running: Mutex<Running>,
}

#[derive(Default, Clone)]
struct Running {
    state_directory: Option<PathBuf>,
    integrations: Vec<Arc<Integration>>,
}

impl Registry {
    /// Reads the file and starts the integrations that it defines.
    ///
    /// # Errors
    /// All problems in the file; nothing is started then.
    pub fn open(config: RegistryConfig) -> Result<Self, FileProblems> {
        let file = IntegrationFile::read(&config.path, &config.variables)?;
        let registry = Self { config, file_lock: Mutex::new(()), running: Mutex::default() };
        registry.reconcile(file)?;
        Ok(registry)
    }

    /// Returns the integrations, in the order of the file.
    pub fn integrations(&self) -> Vec<Arc<Integration>> {
        self.running.lock().integrations.clone()
    }

    /// Returns the integration with that id.
    pub fn integration(&self, id: &str) -> Option<Arc<Integration>> {
        self.integrations().into_iter().find(|integration| integration.definition().id == id)
    }

    /// Reads the file again and reconciles the integrations with it. Integrations with an unchanged
    /// definition keep running, and so do those with a new name or SDK key. Waits for those that
    /// stop.
    ///
    /// # Errors
    /// All problems in the file; nothing changes then.
    pub fn reload(&self) -> Result<ReloadSummary, FileProblems> {
        let _lock = self.file_lock.lock();
        self.reconcile(IntegrationFile::read(&self.config.path, &self.config.variables)?)
    }

    /// Edits one integration: first in the file, atomically and without touching the rest of it,
    /// and then the running one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when the file has no such integration;
    /// [`ErrorKind::InvalidConfig`] when the edit or the file is invalid; [`ErrorKind::Internal`]
    /// when the file cannot be written. Nothing changes then.
    pub fn edit(&self, id: &str, edits: &[IntegrationEdit]) -> Result<()> {
        let _lock = self.file_lock.lock();
        let current = read_text(&self.config.path)?;
        let EditedFile { text, file } = edit_file(&current, id, edits, &self.config.variables)?;
        self.check_state_directory(&file)?;
        write_atomically(&self.config.path, &text)?;
        self.reconcile(file)?;
        Ok(())
    }

    /// Rejects another state directory while integrations have their error logs in the current one.
    fn check_state_directory(&self, file: &IntegrationFile) -> Result<(), FileProblems> {
        let running = self.running.lock();
        if running.state_directory == file.state_directory || running.integrations.is_empty() {
            return Ok(());
        }
        Err(FileProblems::whole_file("state_directory has changed; that needs a restart"))
    }

    /// Starts, changes and stops integrations until they are those of `file`.
    fn reconcile(&self, file: IntegrationFile) -> Result<ReloadSummary, FileProblems> {
        self.check_state_directory(&file)?;
        let mut before = self.running.lock().clone();
        let mut plan: Vec<(IntegrationDefinition, Option<Arc<Integration>>)> = Vec::new();
        for definition in file.integrations {
            let position = before
                .integrations
                .iter()
                .position(|running| running.definition().is_same_integration(&definition));
            let running = position.map(|position| before.integrations.remove(position));
            plan.push((definition, running));
        }
        // Those that stop come first: a new one may use the same store or error log.
        pollster::block_on(join_all(
            before.integrations.iter().map(|integration| integration.close().into_future()),
        ));
        let mut summary = ReloadSummary { stopped: before.integrations.len(), ..ReloadSummary::default() };
        let mut integrations = Vec::new();
        let mut problems = Vec::new();
        for (definition, running) in plan {
            let id = definition.id.clone();
            let result = match running {
                Some(running) if running.definition() == definition => {
                    summary.unchanged += 1;
                    Ok(running)
                }
                Some(running) => {
                    summary.changed += 1;
                    running.set_definition(definition).map(|()| running)
                }
                None => {
                    summary.started += 1;
                    self.start(definition, file.state_directory.clone())
                }
            };
            match result {
                Ok(integration) => integrations.push(integration),
                Err(e) => problems.push(format!("{id} cannot be started: {}", e.message())),
            }
        }
        *self.running.lock() = Running { state_directory: file.state_directory, integrations };
        if problems.is_empty() { Ok(summary) } else { Err(FileProblems::whole_file(problems.join("; "))) }
    }

    fn start(
        &self,
        definition: IntegrationDefinition,
        state_directory: Option<PathBuf>,
    ) -> Result<Arc<Integration>> {
        let clock = self.config.clock.clone();
        let config = IntegrationConfig { state_directory, clock, ..IntegrationConfig::new(definition) };
        Integration::start(config).map(Arc::new)
    }

    /// Stops all integrations and waits until none of them uses its store; the file stays as it is.
    pub fn close(&self) -> Operation<'_, ()> {
        let integrations = self.integrations();
        Operation::new(async move {
            join_all(integrations.iter().map(|integration| integration.close().into_future())).await;
        })
    }
}

/// Replaces a file atomically. It keeps its permissions, and a symbolic link to it stays a link.
fn write_atomically(path: &Path, text: &str) -> Result<()> {
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
        let message = format!("writing the file {}: {e}", path.display());
        Error::new(ErrorKind::Internal, message)
    })
}
