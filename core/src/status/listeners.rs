use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::tasks::{Stop, TaskGroup};

/// Names a listener, for removing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

impl ListenerId {
    /// Returns the number, for languages that cannot hold this type.
    pub fn number(self) -> u64 {
        self.0
    }

    /// Rebuilds an id from [`ListenerId::number`].
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// Callbacks that hear of the first status and of every change.
///
/// Each has its own place in the stream: a listener that is slow misses intermediate values and delays nobody.
pub struct Listeners<T> {
    statuses: watch::Receiver<Option<T>>,
    tasks: Arc<TaskGroup>,
    ids: AtomicU64,
    listeners: Mutex<HashMap<ListenerId, Listener>>,
}

struct Listener {
    stop: Stop,
    finished: oneshot::Receiver<()>,
}

impl<T: Clone + Send + Sync + 'static> Listeners<T> {
    /// Creates an empty list of those who hear of `statuses`.
    pub fn new(statuses: watch::Receiver<Option<T>>, tasks: Arc<TaskGroup>) -> Self {
        Self { statuses, tasks, ids: AtomicU64::new(1), listeners: Mutex::default() }
    }

    /// Adds a listener; it is called with the current status soon, if there is one, and never by two threads at once.
    pub fn add(&self, callback: impl Fn(&T) + Send + Sync + 'static) -> ListenerId {
        let id = ListenerId(self.ids.fetch_add(1, Ordering::Relaxed));
        let stop = Stop::default();
        let (finish, finished) = oneshot::channel();
        self.listeners.lock().insert(id, Listener { stop: stop.clone(), finished });
        let (tasks, mut statuses) = (self.tasks.clone(), self.statuses.clone());
        let callback = Arc::new(callback);
        self.tasks.spawn(async move {
            // A value that is there already counts as news.
            statuses.mark_changed();
            loop {
                let news = tasks.stop.unless_given(stop.unless_given(statuses.changed()));
                if !matches!(news.await, Some(Some(Ok(())))) {
                    break;
                }
                let Some(status) = statuses.borrow_and_update().clone() else { continue };
                let callback = callback.clone();
                if tasks.call(move || callback(&status)).await.is_err() {
                    log::error!("a status listener panicked; it stays subscribed");
                }
            }
            // Dropping it may run foreign code too, which has no place on the reactor.
            let _ = tasks.call(move || drop(callback)).await;
            let _ = finish.send(());
        });
        id
    }

    /// Removes a listener; when this returns it is not running and will not run again. From inside a callback of the
    /// same owner it cannot wait, and returns at once. Returns whether the listener was there.
    pub fn remove(&self, id: ListenerId) -> bool {
        let Some(listener) = self.listeners.lock().remove(&id) else { return false };
        listener.stop.give();
        if !self.tasks.is_inside_callback() {
            // Fails when the owner was closed, and then nothing runs either.
            let _ = pollster::block_on(listener.finished);
        }
        true
    }
}
