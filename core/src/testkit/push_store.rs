//! A [`FaultStore`] that also pushes changes, when and as the test wants.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::fault_store::FaultStore;
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::runtime::BoxFuture;
use crate::store::{BatchResult, ChangeListener, Limitation, Metadata, StoreReader};

/// A limit for waits, never reached by a test that passes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The store.
pub struct PushStore {
    store: Arc<FaultStore>,
    listener: Mutex<Option<Arc<dyn ChangeListener>>>,
    subscribed: Condvar,
    limitations: Mutex<Vec<Limitation>>,
}

impl PushStore {
    /// Wraps a store.
    pub fn new(store: Arc<FaultStore>) -> Arc<Self> {
        Arc::new(Self {
            store,
            listener: Mutex::default(),
            subscribed: Condvar::new(),
            limitations: Mutex::default(),
        })
    }

    /// Returns the engine's listener, once it subscribes; panics after a minute.
    pub fn listener(&self) -> Arc<dyn ChangeListener> {
        let mut listener = self.listener.lock();
        self.subscribed.wait_while_for(&mut listener, |listener| listener.is_none(), TIMEOUT);
        listener.clone().expect("the engine subscribes")
    }

    /// Returns whether an engine is subscribed.
    pub fn is_subscribed(&self) -> bool {
        self.listener.lock().is_some()
    }

    /// Sets the limitations that the store reports from now on.
    pub fn set_limitations(&self, limitations: Vec<Limitation>) {
        *self.limitations.lock() = limitations;
    }
}

/// Removes the listener when its future is dropped.
struct Subscription<'a>(&'a PushStore);

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        *self.0.listener.lock() = None;
    }
}

impl StoreReader for PushStore {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        self.store.memberships(hashes)
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        self.store.metadata()
    }

    fn subscribe(&self, listener: Arc<dyn ChangeListener>) -> Option<BoxFuture<'_, ()>> {
        *self.listener.lock() = Some(listener);
        self.subscribed.notify_all();
        let subscription = Subscription(self);
        Some(Box::pin(async move {
            let _subscription = subscription;
            std::future::pending().await
        }))
    }

    fn limitations(&self) -> Vec<Limitation> {
        self.limitations.lock().clone()
    }
}
