//! The task of one integration: runs a worker as its definition wants it, and another when that changes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::config::IntegrationDefinition;
use super::error_log::{self, ErrorLog};
use super::lazy_writer::LateWriter;
use super::state::IntegrationStatus;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::store::StoreConfig;
use crate::sync::{SyncConfig, SyncError, SyncObserver, SyncStatus, SyncWorker};
use crate::tasks::TaskGroup;

/// The pause after a worker could not even be started.
const RESTART_PAUSE: Duration = Duration::from_secs(60);

/// What the task and its integration share.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) status: watch::Sender<Option<IntegrationStatus>>,
    pub(super) error_log: Mutex<ErrorLog>,
}

/// The task of one integration.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Arc<TaskGroup>,
    pub(super) definitions: watch::Receiver<IntegrationDefinition>,
    pub(super) observers: Vec<Arc<dyn SyncObserver>>,
    /// The store whose last sync time is known, if there is one.
    pub(super) recalled: Option<StoreConfig>,
}

/// What there is to do while a worker runs.
enum News {
    Stop,
    Redefined,
    Status(SyncStatus),
}

impl Shared {
    pub(super) fn current(&self) -> IntegrationStatus {
        self.status.borrow().clone().expect("there is a status from the beginning")
    }

    fn change(&self, change: impl FnOnce(&mut IntegrationStatus, i64)) {
        let (now, last_error) = (self.clock.unix_millis(), self.last_error());
        self.status.send_if_modified(|status| {
            let status = status.as_mut().expect("there is a status from the beginning");
            let before = status.clone();
            change(status, now);
            status.last_error = last_error;
            *status != before
        });
    }

    fn last_error(&self) -> Option<i64> {
        self.error_log.lock().entries().first().map(|newest| newest.timestamp)
    }
}

impl Driver {
    /// Runs until the integration is to stop.
    pub(super) async fn run(mut self) {
        while !self.tasks.token().is_cancelled() {
            let definition = self.definitions.borrow_and_update().clone();
            self.recall(&definition.store).await;
            match definition.on {
                true => self.work(definition).await,
                false => self.rest().await,
            }
        }
        self.shared.change(|status, now| status.rest(now));
    }

    /// Asks a store when it was last synchronised, by whomever; one that does not say so has its reasons, which the worker will
    /// meet, too.
    async fn recall(&mut self, store: &StoreConfig) {
        if self.recalled.as_ref() == Some(store) {
            return;
        }
        self.recalled = Some(store.clone());
        let ask = async {
            let reader = store.reader().ok()?;
            let metadata = self.tasks.runtime().in_context(reader.metadata()).await;
            reader.close().await;
            metadata.ok()?.synchronized_on
        };
        let last_synchronized = self.tasks.token().run_until_cancelled(ask).await.flatten();
        self.shared.change(|status, _| status.last_synchronized = last_synchronized);
    }

    /// Does nothing until there is a new definition.
    async fn rest(&mut self) {
        self.shared.change(|status, now| status.rest(now));
        // Fails when the integration is gone, and then it is to stop.
        let _ = self.tasks.token().run_until_cancelled(self.definitions.changed()).await;
    }

    /// Runs one worker for as long as it does what the definition wants.
    async fn work(&mut self, mut definition: IntegrationDefinition) {
        let worker = match self.start(&definition) {
            Ok(worker) => worker,
            Err(e) => return self.be_unable(&e).await,
        };
        let began = self.shared.clock.unix_millis();
        let mut updates = worker.updates();
        loop {
            let news = {
                let update = std::pin::pin!(updates.next());
                let redefined = std::pin::pin!(self.definitions.changed());
                match self.tasks.token().run_until_cancelled(select(update, redefined)).await {
                    Some(Either::Left((Some(status), _))) => News::Status(status),
                    Some(Either::Right((Ok(()), _))) => News::Redefined,
                    _ => News::Stop,
                }
            };
            match news {
                News::Stop => break,
                News::Status(status) => self.note(&status, began).await,
                News::Redefined => {
                    let next = self.definitions.borrow_and_update().clone();
                    if !next.on || !next.has_same_work(&definition) {
                        break;
                    }
                    worker.set_sdk_key(next.upstream.sdk_key.clone());
                    definition = next;
                }
            }
        }
        worker.close().await;
        self.shared.error_log.lock().merge(&worker.status().errors);
        self.keep_error_log().await;
    }

    fn start(&self, definition: &IntegrationDefinition) -> Result<SyncWorker> {
        let writer = Arc::new(LateWriter::new(definition.store.clone()));
        SyncWorker::start(SyncConfig {
            observers: self.observers.clone(),
            clock: self.shared.clock.clone(),
            ..SyncConfig::with_writer(definition.upstream.clone(), writer)
        })
    }

    async fn note(&self, worker: &SyncStatus, began: i64) {
        let has_news = self.shared.error_log.lock().merge(&worker.errors);
        self.shared.change(|status, now| status.follow(worker, began, now));
        if has_news {
            self.keep_error_log().await;
        }
    }

    /// Waits after a worker could not be started: its certificates have vanished, or the machine refuses threads.
    async fn be_unable(&mut self, error: &Error) {
        let now = self.shared.clock.unix_millis();
        let (kind, message) = (error.kind(), error.message().to_owned());
        let error = SyncError { kind, status_code: None, message, since: now, timestamp: now, times: 1 };
        self.shared.error_log.lock().merge(std::slice::from_ref(&error));
        self.shared.change(|status, now| status.fail(error, now));
        self.keep_error_log().await;
        let clock = &self.shared.clock;
        let pause = self.tasks.runtime().sleep_until(clock, clock.now().after(RESTART_PAUSE));
        let redefined = std::pin::pin!(self.definitions.changed());
        self.tasks.token().run_until_cancelled(select(redefined, pause)).await;
    }

    async fn keep_error_log(&self) {
        let Some(log) = self.shared.error_log.lock().to_keep() else { return };
        // Fails when the process is ending.
        let _ = self.tasks.runtime().run_blocking(move || error_log::keep(log)).await;
    }
}
