use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::store_status::StoreStatus;
use crate::runtime::LeakAfterFork;
use crate::tasks::TaskGroup;

/// Identifies a listener, for removing it.
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

/// Callbacks that are called with the first status and with every change.
///
/// Each has its own position in the stream: a slow listener misses intermediate values and delays
/// no other.
pub struct Listeners<T> {
    statuses: watch::Receiver<Option<T>>,
    tasks: Arc<TaskGroup>,
    ids: AtomicU64,
    listeners: Mutex<HashMap<ListenerId, Listener>>,
}

struct Listener {
    token: LeakAfterFork<CancellationToken>,
    finished: oneshot::Receiver<()>,
}

impl<T: Clone + Send + Sync + 'static> Listeners<T> {
    /// Creates an empty list of listeners for `statuses`.
    pub fn new(statuses: watch::Receiver<Option<T>>, tasks: Arc<TaskGroup>) -> Self {
        Self { statuses, tasks, ids: AtomicU64::new(1), listeners: Mutex::default() }
    }

    /// Adds a listener. It is called soon with the current status, if there is one, and never by
    /// two threads at once.
    pub fn add(&self, callback: impl Fn(&T) + Send + Sync + 'static) -> ListenerId {
        let id = ListenerId(self.ids.fetch_add(1, Ordering::Relaxed));
        let token = self.tasks.token().child_token();
        let (finish, finished) = oneshot::channel();
        let listener = Listener { token: LeakAfterFork::new(token.clone()), finished };
        self.listeners.lock().insert(id, listener);
        let tasks = self.tasks.clone();
        let mut statuses = self.statuses.clone();
        let callback = Arc::new(callback);
        self.tasks.spawn(async move {
            // A value that is there already counts as a change.
            statuses.mark_changed();
            while let Some(Ok(())) = token.run_until_cancelled(statuses.changed()).await {
                let Some(status) = statuses.borrow_and_update().clone() else { continue };
                if token.is_cancelled() {
                    break;
                }
                let callback = callback.clone();
                if tasks.call(move || callback(&status)).await.is_err() {
                    log::error!("a status listener panicked; it stays subscribed");
                }
            }
            // Dropping the callback may run foreign code too, which must not run on the reactor.
            let _ = tasks.call(move || drop(callback)).await;
            let _ = finish.send(());
        });
        id
    }

    /// Removes a listener: once this returns, it does not run and will not run again. Where
    /// [`TaskGroup::can_wait`] is false, it returns at once. Returns whether the listener was
    /// there.
    pub fn remove(&self, id: ListenerId) -> bool {
        let Some(listener) = self.listeners.lock().remove(&id) else { return false };
        listener.token.cancel();
        if self.tasks.can_wait() {
            // Fails when the owner was closed, and then no listener runs either.
            let _ = pollster::block_on(listener.finished);
        }
        true
    }
}

/// The statuses of an engine or an integration: the current one first, then each change; the latest
/// value wins.
pub struct StatusUpdates<T = StoreStatus> {
    statuses: watch::Receiver<Option<T>>,
    token: LeakAfterFork<CancellationToken>,
}

impl<T: Clone> StatusUpdates<T> {
    /// Follows the published statuses until the token is cancelled.
    pub fn new(mut statuses: watch::Receiver<Option<T>>, token: CancellationToken) -> Self {
        statuses.mark_changed();
        Self { statuses, token: LeakAfterFork::new(token) }
    }

    /// Returns the next status, or `None` once its owner is closed.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            self.token.run_until_cancelled(self.statuses.changed()).await?.ok()?;
            if let Some(status) = self.statuses.borrow_and_update().clone() {
                return Some(status);
            }
        }
    }
}
