//! Integrations (docs/spec.md#integrations): workers under management, each with a name, a switch, a state and an error log.
//!
//! One of them is all that most programs need:
//! ```no_run
//! use bigseg_core::integration::{Integration, IntegrationConfig, IntegrationDefinition};
//! use bigseg_core::sync::{SdkKey, Upstream};
//! use bigseg_core::StoreConfig;
//!
//! # fn main() -> bigseg_core::Result<()> {
//! let upstream = Upstream::new(SdkKey::new("sdk-key")?);
//! let store = StoreConfig::parse("redis://localhost?prefix=production")?;
//! let definition = IntegrationDefinition::new("production", upstream, store);
//! let integration = Integration::start(IntegrationConfig::new(definition))?;
//! integration.add_status_listener(|status| println!("{}", status.state.name()));
//! integration.set_sdk_key(SdkKey::new("another-key")?)?;
//! integration.set_on(false)?;
//! println!("{:?} {:?}", integration.status(), integration.error_log());
//! integration.close_blocking();
//! # Ok(())
//! # }
//! ```
//! That is also the least that a binding offers: start, status, error log, listener, rotation of the key, on and off, close.
//!
//! A [`Registry`] runs any number of them, as one file defines them, and changes that file.

mod config;
mod config_file;
mod error_log;
mod lazy_writer;
mod registry;
mod state;
mod supervisor;

pub use config::{IntegrationConfig, IntegrationDefinition};
pub use config_file::{FileProblem, FileProblems, IntegrationEdit, IntegrationFile, StoreText, Variables};
pub use error_log::ERROR_LOG_LENGTH;
pub use registry::{Registry, RegistryConfig, Reloaded};
pub use state::{IntegrationProgress, IntegrationState, IntegrationStatus};

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{LeakAfterFork, Runtime};
use crate::status::{ListenerId, Listeners, StatusUpdates};
use crate::store::StoreConfig;
use crate::sync::{SdkKey, SyncError};
use crate::tasks::TaskGroup;
use error_log::ErrorLog;
use supervisor::{Driver, Shared};

/// How long closing waits for a store, an observer or a listener that does not return.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// A running integration; all methods may be called from any thread.
///
/// It never gives up, whatever fails. Dropping it tells it to stop; [`Integration::close`] also waits until it has. After
/// `fork`, it does nothing in the child; what would change it fails there.
pub struct Integration {
    shared: Arc<Shared>,
    tasks: LeakAfterFork<Arc<TaskGroup>>,
    definition: watch::Sender<IntegrationDefinition>,
    redefining: Mutex<()>,
    listeners: Listeners<IntegrationStatus>,
}

impl Integration {
    /// Starts an integration; waits for neither the upstream nor the store, and reads the error log if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`]; [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn start(config: IntegrationConfig) -> Result<Self> {
        let IntegrationConfig { definition, state_directory, observers, clock } = config;
        definition.validate()?;
        let tasks = Arc::new(TaskGroup::new(Runtime::shared()?));
        let error_log = ErrorLog::open(state_directory.as_deref(), &definition.id);
        let mut status = IntegrationStatus::off(clock.unix_millis());
        status.last_error = error_log.entries().first().map(|newest| newest.timestamp);
        if definition.on {
            status.state = IntegrationState::Initializing;
        }
        let (status, statuses) = watch::channel(Some(status));
        let shared = Arc::new(Shared { clock, status, error_log: Mutex::new(error_log) });
        let (definition, definitions) = watch::channel(definition);
        let driver =
            Driver { shared: shared.clone(), tasks: tasks.clone(), definitions, observers, recalled: None };
        tasks.spawn(driver.run());
        let listeners = Listeners::new(statuses, tasks.clone());
        let tasks = LeakAfterFork::new(tasks);
        Ok(Self { shared, tasks, definition, redefining: Mutex::new(()), listeners })
    }

    /// Returns what it is at present.
    pub fn definition(&self) -> IntegrationDefinition {
        self.definition.borrow().clone()
    }

    /// Returns the status of this moment; never waits.
    pub fn status(&self) -> IntegrationStatus {
        self.shared.current()
    }

    /// Returns the last errors, newest first, at most [`ERROR_LOG_LENGTH`]; the same one in a row is one entry. They are those of
    /// earlier processes, too, if there is a directory for the state. Never waits.
    pub fn error_log(&self) -> Vec<SyncError> {
        self.shared.error_log.lock().entries().to_vec()
    }

    /// Calls back with the present status and with every change; see [`Listeners`].
    pub fn add_status_listener(
        &self,
        callback: impl Fn(&IntegrationStatus) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listeners.add(callback)
    }

    /// Removes a listener; see [`Listeners::remove`]. Returns whether it was there.
    pub fn remove_status_listener(&self, id: ListenerId) -> bool {
        self.listeners.remove(id)
    }

    /// Follows the status: the present one first, then each change; the latest value wins.
    pub fn status_updates(&self) -> StatusUpdates<IntegrationStatus> {
        StatusUpdates::new(self.shared.status.subscribe(), self.tasks.token().clone())
    }

    /// Replaces the SDK key from now on, without a restart; does not wait for the upstream.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], [`ErrorKind::Forked`].
    pub fn set_sdk_key(&self, sdk_key: SdkKey) -> Result<()> {
        self.redefine(|definition| definition.upstream.sdk_key = sdk_key)
    }

    /// Turns it on or off; does not wait. One that is turned off finishes the transaction under way; its state says when.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], [`ErrorKind::Forked`].
    pub fn set_on(&self, on: bool) -> Result<()> {
        self.redefine(|definition| definition.on = on)
    }

    /// Changes its name, and nothing else.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], [`ErrorKind::Closed`], [`ErrorKind::Forked`].
    pub fn set_name(&self, name: &str) -> Result<()> {
        self.redefine(|definition| name.clone_into(&mut definition.name))
    }

    /// Changes where patches go; does not wait. What the former store holds stays there.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], [`ErrorKind::Closed`], [`ErrorKind::Forked`].
    pub fn set_store(&self, store: StoreConfig) -> Result<()> {
        self.redefine(|definition| definition.store = store)
    }

    /// Takes over another definition of the same integration; does not wait. The worker goes on if only the name or the SDK key
    /// has changed, and is replaced otherwise.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], also when the id, the project or the environment is another one; [`ErrorKind::Closed`],
    /// [`ErrorKind::Forked`].
    pub fn set_definition(&self, definition: IntegrationDefinition) -> Result<()> {
        self.redefine(|known| *known = definition)
    }

    fn redefine(&self, change: impl FnOnce(&mut IntegrationDefinition)) -> Result<()> {
        self.tasks.generation().check()?;
        if self.tasks.token().is_cancelled() {
            return Err(Error::new(ErrorKind::Closed, "the integration is closed"));
        }
        // One after the other; whoever reads the definition does not wait meanwhile.
        let _turn = self.redefining.lock();
        let known = self.definition();
        let mut next = known.clone();
        change(&mut next);
        next.validate()?;
        if !next.is_same_integration(&known) {
            let message =
                "the id, the project and the environment of an integration never change; start another one";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        if next != known {
            self.definition.send_replace(next);
        }
        Ok(())
    }

    /// Stops the integration and waits until it no longer touches the store: the transaction under way is finished, and the error
    /// log kept. From inside a listener of its own it cannot wait, and returns at once.
    pub async fn close(&self) {
        self.tasks.close(CLOSE_TIMEOUT).await;
    }

    /// Does the same, blocking the thread; not to be called from an executor's thread.
    pub fn close_blocking(&self) {
        pollster::block_on(self.close());
    }
}

impl Drop for Integration {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}
