use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::apply::Applier;
use super::client::UpstreamClient;
use super::config::SyncConfig;
use super::ingest::Ingest;
use super::run_loop::RunLoop;
use super::status::{SyncStatus, SyncTracker, SyncUpdates};
use super::upstream::SdkKey;
use crate::error::Result;
use crate::runtime::{LeakAfterFork, Operation, Runtime};
use crate::tasks::TaskGroup;

/// How long closing waits for a store or an observer that does not return.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(15);

/// A worker that keeps a store in sync with its upstream. All methods may be called from any
/// thread.
///
/// A worker retries every failure; [`SyncWorker::status`] has the last ones. Any number of workers,
/// in any number of processes, may write to one store. A worker may be stopped or killed at any
/// moment: the next one resumes from the store's cursor. Dropping a worker stops it;
/// [`SyncWorker::close`] also waits for it.
///
/// After `fork`, the parent's worker does nothing in the child process; start another one there.
pub struct SyncWorker {
    tracker: Arc<SyncTracker>,
    tasks: LeakAfterFork<Arc<TaskGroup>>,
    sdk_keys: watch::Sender<SdkKey>,
}

impl SyncWorker {
    /// Starts a worker. Does not wait for the upstream or the store.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig);
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when the system refuses more threads.
    pub fn start(config: SyncConfig) -> Result<Self> {
        config.validate()?;
        let runtime = Runtime::shared()?;
        let (sender, sdk_keys) = watch::channel(config.upstream.sdk_key.clone());
        let client = UpstreamClient::new(&config, sdk_keys.clone(), runtime.clone())?;
        let tracker = Arc::new(SyncTracker::new(config.clock.clone()));
        let tasks = Arc::new(TaskGroup::new(runtime));
        let applier = Arc::new(Applier {
            writer: config.writer.clone(),
            observers: config.observers.clone(),
            tracker: tracker.clone(),
            token: tasks.token().clone(),
        });
        let ingest = Ingest { tasks: tasks.clone(), applier };
        tasks.spawn(RunLoop::new(config, client, ingest, sdk_keys).run());
        Ok(Self { tracker, tasks: LeakAfterFork::new(tasks), sdk_keys: sender })
    }

    /// Returns the current status; never waits.
    pub fn status(&self) -> SyncStatus {
        self.tracker.current()
    }

    /// Subscribes to the status: the current one first, then each change.
    pub fn updates(&self) -> SyncUpdates {
        self.tracker.updates()
    }

    /// Replaces the SDK key. A worker that waits for its next attempt makes it at once, and one
    /// that follows a stream reconnects with the new key. Setting the same key has no effect.
    pub fn set_sdk_key(&self, sdk_key: SdkKey) {
        self.sdk_keys.send_if_modified(|current| {
            let is_new = *current != sdk_key;
            *current = sdk_key;
            is_new
        });
    }

    /// Stops the worker; does not wait for it.
    pub fn stop(&self) {
        self.tasks.cancel();
    }

    /// Stops the worker and waits until it no longer uses the store. A call into the store that has
    /// begun is waited for, at most 15 s.
    pub fn close(&self) -> Operation<'_, ()> {
        Operation::new(async {
            self.tasks.close(CLOSE_TIMEOUT).await;
        })
    }
}

impl Drop for SyncWorker {
    fn drop(&mut self) {
        self.stop();
    }
}
