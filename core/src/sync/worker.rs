use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::apply::Applier;
use super::client::UpstreamClient;
use super::config::SyncConfig;
use super::retry::Backoff;
use super::run_loop::Cycle;
use super::status::{SyncStatus, SyncTracker, SyncUpdates};
use super::upstream::SdkKey;
use crate::clock::Moment;
use crate::error::Result;
use crate::runtime::{LeakAfterFork, Runtime};
use crate::tasks::TaskGroup;

/// How long closing waits for a store or an observer that does not return.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(15);

/// A running worker; all methods may be called from any thread.
///
/// It never gives up: whatever fails is in [`SyncWorker::status`] and is tried again. Any number of workers, in any number of
/// processes, may write to one store. Dropping a worker tells it to stop; [`SyncWorker::close`] also waits until it
/// has. It may be stopped, or killed, at any moment: the next one goes on from the store's cursor.
///
/// After `fork`, the worker of the parent process does nothing in the child; start another one there.
pub struct SyncWorker {
    tracker: Arc<SyncTracker>,
    tasks: LeakAfterFork<Arc<TaskGroup>>,
    keys: watch::Sender<SdkKey>,
}

impl SyncWorker {
    /// Starts a worker; waits for neither the upstream nor the store.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig);
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when the machine refuses more threads.
    pub fn start(config: SyncConfig) -> Result<Self> {
        config.validate()?;
        let runtime = Runtime::shared()?;
        let (sender, keys) = watch::channel(config.upstream.sdk_key.clone());
        let (clock, timeout) = (config.clock.clone(), config.response_timeout);
        let client =
            UpstreamClient::new(&config.upstream, keys.clone(), runtime.clone(), clock.clone(), timeout)?;
        let tracker = Arc::new(SyncTracker::new(clock));
        let tasks = Arc::new(TaskGroup::new(runtime));
        let stop = tasks.token().clone();
        let applier = Arc::new(Applier {
            writer: config.writer.clone(),
            observers: config.observers.clone(),
            tracker: tracker.clone(),
            stop: stop.clone(),
        });
        let backoff = Backoff::new(config.retry_first, config.retry_longest, config.retry_refused);
        let cycle = Cycle {
            config,
            client,
            applier,
            tracker: tracker.clone(),
            tasks: tasks.clone(),
            stop,
            keys,
            backoff,
            expected: None,
            filling: false,
            next_beat: Moment::NEVER,
        };
        tasks.spawn(cycle.run());
        Ok(Self { tracker, tasks: LeakAfterFork::new(tasks), keys: sender })
    }

    /// Returns the state of this moment; never waits.
    pub fn status(&self) -> SyncStatus {
        self.tracker.current()
    }

    /// Follows the state: the current one first, then each change.
    pub fn updates(&self) -> SyncUpdates {
        self.tracker.updates()
    }

    /// Replaces the SDK key from now on: a worker that is waiting tries at once, one that is following a stream opens
    /// another with the new key. Nothing happens if it is the same.
    pub fn set_sdk_key(&self, sdk_key: SdkKey) {
        self.keys.send_if_modified(|known| {
            let is_new = *known != sdk_key;
            *known = sdk_key;
            is_new
        });
    }

    /// Tells the worker to stop, and does not wait.
    pub fn stop(&self) {
        self.tasks.cancel();
    }

    /// Stops the worker and waits until it no longer touches the store. A call into the store that is under way is waited for,
    /// 15 s at most.
    pub async fn close(&self) {
        self.tasks.close(CLOSE_TIMEOUT).await;
    }

    /// Does the same, blocking the thread; not to be called from an executor's thread.
    pub fn close_blocking(&self) {
        pollster::block_on(self.close());
    }
}

impl Drop for SyncWorker {
    fn drop(&mut self) {
        self.stop();
    }
}
