//! The tasks and callbacks of one engine, worker or integration, which close together.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::runtime::{ForkGeneration, Runtime};

/// A group of tasks. They end by themselves when [`TaskGroup::token`] is cancelled. None is
/// aborted, so a callback that is running is always waited for.
///
/// The owner keeps the group in a [`LeakAfterFork`](crate::runtime::LeakAfterFork), because its
/// drop takes locks.
pub struct TaskGroup {
    runtime: Arc<Runtime>,
    id: u64,
    generation: ForkGeneration,
    tracker: TaskTracker,
    token: CancellationToken,
}

thread_local! {
    /// The group whose callback is running on this thread, or 0.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

/// Marks this thread as running a callback of a group, until it is dropped; also when the callback
/// panics.
struct CallbackScope;

impl CallbackScope {
    fn enter(group: u64) -> Self {
        RUNNING.set(group);
        Self
    }
}

impl Drop for CallbackScope {
    fn drop(&mut self) {
        RUNNING.set(0);
    }
}

impl TaskGroup {
    /// Creates an empty group.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let generation = ForkGeneration::current();
        Self { runtime, id, generation, tracker: TaskTracker::new(), token: CancellationToken::new() }
    }

    /// Returns the runtime the tasks run on.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Returns the token that ends the tasks.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Cancels the tasks, and does not wait. Does nothing in a forked child, where the tasks do not
    /// exist.
    pub fn cancel(&self) {
        if !self.generation.is_stale() {
            self.token.cancel();
        }
    }

    /// Starts a task; it must watch [`TaskGroup::token`] wherever it waits.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn_on(task, self.runtime.handle());
    }

    /// Runs a callback, which may be foreign and slow, on a thread of its own.
    ///
    /// # Errors
    /// The callback panicked.
    pub async fn call<T: Send + 'static>(
        &self,
        callback: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let id = self.id;
        let scoped = move || {
            let _scope = CallbackScope::enter(id);
            callback()
        };
        self.runtime.run_blocking(scoped).await
    }

    /// Returns whether this thread can wait for the group's tasks. It cannot inside a callback of
    /// the group, which it would wait for, nor in a forked child, where the tasks do not exist.
    pub fn can_wait(&self) -> bool {
        RUNNING.get() != self.id && !self.generation.is_stale()
    }

    /// Cancels the tasks and waits until they have ended, for at most `limit` of real time. Returns
    /// whether they have.
    ///
    /// It does not wait where [`TaskGroup::can_wait`] is false.
    pub async fn close(&self, limit: Duration) -> bool {
        self.cancel();
        if !self.can_wait() {
            return false;
        }
        self.tracker.close();
        let until = Clock::System.now().after(limit);
        let ended = self.runtime.deadline(&Clock::System, until, self.tracker.wait()).await.is_ok();
        if !ended {
            log::error!(
                "a callback, an observer or a store did not return within {limit:?}; closing without it"
            );
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn group() -> Arc<TaskGroup> {
        Arc::new(TaskGroup::new(Runtime::shared().unwrap()))
    }

    #[test]
    fn closing_waits_for_tasks_and_running_callbacks() {
        let group = group();
        let (started, starts) = channel();
        let (finish, finished) = channel::<()>();
        let tasks = group.clone();
        group.spawn(async move {
            let callback = move || {
                started.send(()).unwrap();
                let _ = finished.recv();
            };
            tasks.call(callback).await.unwrap();
            tasks.token().cancelled().await;
        });
        starts.recv().unwrap();
        assert!(!pollster::block_on(group.close(Duration::from_millis(1))), "the callback is running");
        drop(finish);
        assert!(pollster::block_on(group.close(LIMIT)));
        assert!(pollster::block_on(group.close(LIMIT)), "closing twice is fine");
    }

    #[test]
    fn a_callback_does_not_wait_for_its_own_group() {
        let group = group();
        let (send, receive) = channel();
        let tasks = group.clone();
        group.spawn(async move {
            let inner = tasks.clone();
            let callback = move || send.send(pollster::block_on(inner.close(LIMIT))).unwrap();
            tasks.call(callback).await.unwrap();
        });
        assert!(!receive.recv().unwrap());
        assert!(pollster::block_on(group.close(LIMIT)));
    }

    #[test]
    fn a_task_that_panics_is_not_waited_for() {
        let group = group();
        group.spawn(async { panic!("on purpose") });
        assert!(pollster::block_on(group.close(LIMIT)));
    }
}
