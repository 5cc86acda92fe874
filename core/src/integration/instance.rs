//! A running integration: the handle of its supervisor.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::config::{IntegrationConfig, IntegrationDefinition};
use super::error_log::ErrorLog;
use super::state::{IntegrationState, IntegrationStatus};
use super::supervisor::{StatusBoard, Supervisor};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{LeakAfterFork, Operation, Runtime};
use crate::status::{ListenerId, Listeners, StatusUpdates};
use crate::store::StoreConfig;
use crate::sync::{SdkKey, SyncFailure};
use crate::tasks::TaskGroup;

/// How long closing waits for a store, an observer or a listener that does not return.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// A running integration. All methods may be called from any thread.
///
/// It retries every failure. Dropping it stops it; [`Integration::close`] also waits for it. After
/// `fork`, it does nothing in the child process, and the methods that change it fail there.
pub struct Integration {
    board: Arc<StatusBoard>,
    tasks: LeakAfterFork<Arc<TaskGroup>>,
    definition: watch::Sender<IntegrationDefinition>,
    /// Held while the definition is changed, so that changes do not overwrite each other.
    definition_lock: Mutex<()>,
    listeners: Listeners<IntegrationStatus>,
}

impl Integration {
    /// Starts an integration. Reads the error log if there is one; does not wait for the upstream
    /// or the store.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`]; [`ErrorKind::Internal`] when the system refuses more threads.
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
        let board = Arc::new(StatusBoard { clock, status, error_log: Mutex::new(error_log) });
        let (definition, definitions) = watch::channel(definition);
        let supervisor = Supervisor {
            board: board.clone(),
            tasks: tasks.clone(),
            definitions,
            observers,
            last_sync_of: None,
        };
        tasks.spawn(supervisor.run());
        let listeners = Listeners::new(statuses, tasks.clone());
        let tasks = LeakAfterFork::new(tasks);
        Ok(Self { board, tasks, definition, definition_lock: Mutex::new(()), listeners })
    }

    /// Returns the current definition.
    pub fn definition(&self) -> IntegrationDefinition {
        self.definition.borrow().clone()
    }

    /// Returns the current status; never waits.
    pub fn status(&self) -> IntegrationStatus {
        self.board.current()
    }

    /// Returns the last failures, newest first, at most
    /// [`ERROR_LOG_LENGTH`](super::ERROR_LOG_LENGTH); equal failures in a row are one entry.
    /// Includes those of earlier processes if there is a state directory. Never waits.
    pub fn error_log(&self) -> Vec<SyncFailure> {
        self.board.error_log.lock().entries().to_vec()
    }

    /// Calls `callback` with the current status and with every change; see [`Listeners`].
    pub fn add_status_listener(
        &self,
        callback: impl Fn(&IntegrationStatus) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listeners.add(callback)
    }

    /// Removes a listener; see [`Listeners::remove`]. Returns whether it existed.
    pub fn remove_status_listener(&self, id: ListenerId) -> bool {
        self.listeners.remove(id)
    }

    /// Subscribes to the status: the current one first, then each change. A slow subscriber sees
    /// only the latest one.
    pub fn status_updates(&self) -> StatusUpdates<IntegrationStatus> {
        StatusUpdates::new(self.board.status.subscribe(), self.tasks.token().clone())
    }

    /// Replaces the SDK key without a restart; does not wait for the upstream.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], [`ErrorKind::Forked`].
    pub fn set_sdk_key(&self, sdk_key: SdkKey) -> Result<()> {
        self.change_definition(|definition| definition.upstream.sdk_key = sdk_key)
    }

    /// Turns the integration on or off; does not wait. A running transaction is finished before the
    /// state becomes [`IntegrationState::Off`].
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], [`ErrorKind::Forked`].
    pub fn set_on(&self, on: bool) -> Result<()> {
        self.change_definition(|definition| definition.on = on)
    }

    /// Changes the name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], [`ErrorKind::Closed`], [`ErrorKind::Forked`].
    pub fn set_name(&self, name: &str) -> Result<()> {
        self.change_definition(|definition| name.clone_into(&mut definition.name))
    }

    /// Changes the store that patches are applied to; does not wait. The former store keeps its
    /// data.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], [`ErrorKind::Closed`], [`ErrorKind::Forked`].
    pub fn set_store(&self, store: StoreConfig) -> Result<()> {
        self.change_definition(|definition| definition.store = store)
    }

    /// Changes the definition; does not wait. The worker keeps running if only the name or the SDK
    /// key differs, and is replaced otherwise.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], also when the id, the project or the environment differs;
    /// [`ErrorKind::Closed`], [`ErrorKind::Forked`].
    pub fn set_definition(&self, definition: IntegrationDefinition) -> Result<()> {
        self.change_definition(|current| *current = definition)
    }

    fn change_definition(&self, change: impl FnOnce(&mut IntegrationDefinition)) -> Result<()> {
        self.tasks.generation().check()?;
        if self.tasks.token().is_cancelled() {
            return Err(Error::new(ErrorKind::Closed, "the integration is closed"));
        }
        let _lock = self.definition_lock.lock();
        let current = self.definition();
        let mut next = current.clone();
        change(&mut next);
        next.validate()?;
        if !next.is_same_integration(&current) {
            let message =
                "the id, project and environment of an integration cannot change; start another integration";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        if next != current {
            self.definition.send_replace(next);
        }
        Ok(())
    }

    /// Stops the integration and waits until it no longer uses the store. A running transaction is
    /// finished and the error log is saved. A call from one of its own listeners does not wait.
    pub fn close(&self) -> Operation<'_, ()> {
        Operation::new(async {
            self.tasks.close(CLOSE_TIMEOUT).await;
        })
    }
}

impl Drop for Integration {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}
