//! The tasks and callbacks of one engine, which close together.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{Either, select};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::runtime::Runtime;

/// A signal that something is to stop; clones share it.
#[derive(Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Gives the signal, for good.
    pub fn give(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether the signal was given.
    pub fn is_given(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes once the signal is given.
    pub async fn given(&self) {
        // Waiting cannot fail while `self` holds the sender.
        let _ = self.0.subscribe().wait_for(|given| *given).await;
    }

    /// Runs a future until it completes or the signal is given, whichever comes first.
    pub async fn unless_given<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let (stop, work) = (std::pin::pin!(self.given()), std::pin::pin!(work));
        match select(stop, work).await {
            Either::Left(_) => None,
            Either::Right((value, _)) => Some(value),
        }
    }
}

/// A group of tasks. They end by themselves when [`TaskGroup::stop`] is given: none is ever cut off, so that a
/// callback that is running is always waited for.
pub struct TaskGroup {
    runtime: Arc<Runtime>,
    id: u64,
    tasks: Mutex<JoinSet<()>>,
    /// Tells the tasks to end.
    pub stop: Stop,
}

thread_local! {
    /// The group whose callback is running on this thread, or 0.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

/// Marks this thread as being inside a callback for as long as it lives, also when the callback panics.
struct Inside;

impl Inside {
    fn of(group: u64) -> Self {
        RUNNING.set(group);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        RUNNING.set(0);
    }
}

impl TaskGroup {
    /// Creates an empty group.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        Self { runtime, id, tasks: Mutex::default(), stop: Stop::default() }
    }

    /// Returns the runtime the tasks run on.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Starts a task; it must watch [`TaskGroup::stop`] wherever it waits.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {}
        self.runtime.spawn_in(&mut tasks, task);
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
        self.runtime
            .run_blocking(move || {
                let _inside = Inside::of(id);
                callback()
            })
            .await
    }

    /// Returns whether this very thread is inside a callback of this group, and so cannot wait for its end.
    pub fn is_inside_callback(&self) -> bool {
        RUNNING.get() == self.id
    }

    /// Waits until every task has ended; to be called after the signal was given.
    pub async fn join(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        while tasks.join_next().await.is_some() {}
    }
}
