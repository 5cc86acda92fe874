//! The task of one integration: runs a worker for the current definition, and replaces it when the
//! definition changes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::config::IntegrationDefinition;
use super::error_log::{self, ErrorLog};
use super::lazy_writer::LazyWriter;
use super::state::IntegrationStatus;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::store::StoreConfig;
use crate::sync::{SyncConfig, SyncFailure, SyncObserver, SyncStatus, SyncWorker};
use crate::tasks::TaskGroup;

/// The delay after a worker could not be started.
const RESTART_DELAY: Duration = Duration::from_secs(60);

/// The status and the error log, which the task writes and its integration reads.
pub(super) struct StatusBoard {
    pub(super) clock: Clock,
    pub(super) status: watch::Sender<Option<IntegrationStatus>>,
    pub(super) error_log: Mutex<ErrorLog>,
}

impl StatusBoard {
    pub(super) fn current(&self) -> IntegrationStatus {
        self.status.borrow().clone().expect("there is a status from the beginning")
    }

    /// Applies `change`, which also gets the time, and publishes the status if it differs then.
    fn update(&self, change: impl FnOnce(&mut IntegrationStatus, i64)) {
        let now = self.clock.unix_millis();
        let last_error = self.error_log.lock().entries().first().map(|newest| newest.timestamp);
        self.status.send_if_modified(|status| {
            let status = status.as_mut().expect("there is a status from the beginning");
            let before = status.clone();
            change(status, now);
            status.last_error = last_error;
            *status != before
        });
    }
}

/// The task of one integration.
pub(super) struct Supervisor {
    pub(super) board: Arc<StatusBoard>,
    pub(super) tasks: Arc<TaskGroup>,
    pub(super) definitions: watch::Receiver<IntegrationDefinition>,
    pub(super) observers: Vec<Arc<dyn SyncObserver>>,
    /// The store whose last sync time the status shows.
    pub(super) last_sync_of: Option<StoreConfig>,
}

/// Why waiting for a worker ended.
enum Wakeup {
    Stop,
    Redefined,
    Status(SyncStatus),
}

impl Supervisor {
    /// Runs until the integration is to stop.
    pub(super) async fn run(mut self) {
        while !self.tasks.token().is_cancelled() {
            let definition = self.definitions.borrow_and_update().clone();
            self.load_last_sync(&definition.store).await;
            if definition.on {
                self.run_worker(definition).await;
            } else {
                self.wait_until_on().await;
            }
        }
        self.board.update(IntegrationStatus::turn_off);
    }

    /// Reads from the store when it was last synchronised, by any writer. A failure is ignored: the
    /// worker will meet it, too, and report it.
    async fn load_last_sync(&mut self, store: &StoreConfig) {
        if self.last_sync_of.as_ref() == Some(store) {
            return;
        }
        self.last_sync_of = Some(store.clone());
        let read = async {
            let reader = store.reader().ok()?;
            let metadata = self.tasks.runtime().in_context(reader.metadata()).await;
            reader.close().await;
            metadata.ok()?.synchronized_on
        };
        let last_synchronized = self.tasks.token().run_until_cancelled(read).await.flatten();
        self.board.update(|status, _| status.last_synchronized = last_synchronized);
    }

    /// Waits for another definition.
    async fn wait_until_on(&mut self) {
        self.board.update(IntegrationStatus::turn_off);
        // Fails when the integration was dropped, which also stops this task.
        let _ = self.tasks.token().run_until_cancelled(self.definitions.changed()).await;
    }

    /// Runs one worker until the definition needs another one, or none.
    async fn run_worker(&mut self, mut definition: IntegrationDefinition) {
        let worker = match self.start_worker(&definition) {
            Ok(worker) => worker,
            Err(e) => return self.on_start_failure(&e).await,
        };
        let began = self.board.clock.unix_millis();
        let mut updates = worker.updates();
        loop {
            let wakeup = {
                let update = std::pin::pin!(updates.next());
                let redefined = std::pin::pin!(self.definitions.changed());
                match self.tasks.token().run_until_cancelled(select(update, redefined)).await {
                    Some(Either::Left((Some(status), _))) => Wakeup::Status(status),
                    Some(Either::Right((Ok(()), _))) => Wakeup::Redefined,
                    _ => Wakeup::Stop,
                }
            };
            match wakeup {
                Wakeup::Stop => break,
                Wakeup::Status(status) => self.record_status(&status, began).await,
                Wakeup::Redefined => {
                    let next = self.definitions.borrow_and_update().clone();
                    if !next.on || !definition.can_share_worker(&next) {
                        break;
                    }
                    worker.set_sdk_key(next.upstream.sdk_key.clone());
                    definition = next;
                }
            }
        }
        worker.close().await;
        self.board.error_log.lock().merge(&worker.status().errors);
        self.save_error_log().await;
    }

    fn start_worker(&self, definition: &IntegrationDefinition) -> Result<SyncWorker> {
        let writer = Arc::new(LazyWriter::new(definition.store.clone()));
        SyncWorker::start(SyncConfig {
            observers: self.observers.clone(),
            clock: self.board.clock.clone(),
            ..SyncConfig::with_writer(definition.upstream.clone(), writer)
        })
    }

    async fn record_status(&self, worker: &SyncStatus, began: i64) {
        let has_new_errors = self.board.error_log.lock().merge(&worker.errors);
        self.board.update(|status, now| status.follow_worker(worker, began, now));
        if has_new_errors {
            self.save_error_log().await;
        }
    }

    /// Reports that a worker could not be started, and waits before the next attempt. Possible
    /// reasons are a missing `ca_file`, and a system that refuses more threads.
    async fn on_start_failure(&mut self, error: &Error) {
        let now = self.board.clock.unix_millis();
        let failure = SyncFailure {
            kind: error.kind(),
            status_code: None,
            message: error.message().to_owned(),
            since: now,
            timestamp: now,
            times: 1,
        };
        self.board.error_log.lock().merge(std::slice::from_ref(&failure));
        self.board.update(|status, now| status.fail(failure, now));
        self.save_error_log().await;
        let clock = &self.board.clock;
        let retry_at = clock.now().after(RESTART_DELAY);
        let redefined = self.definitions.changed();
        let waited = self.tasks.runtime().deadline(clock, retry_at, redefined);
        self.tasks.token().run_until_cancelled(waited).await;
    }

    async fn save_error_log(&self) {
        let Some(snapshot) = self.board.error_log.lock().snapshot() else { return };
        // Fails when the process is ending.
        let _ = self.tasks.runtime().run_blocking(move || error_log::save(&snapshot)).await;
    }
}
