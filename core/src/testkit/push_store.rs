//! A [`FaultStore`] that also tells of changes, when and as the test wants.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::fault_store::FaultStore;
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::membership::Membership;
use crate::runtime::BoxFuture;
use crate::store::{ChangeObserver, Limitation, Metadata, StoreReader};

/// The store.
pub struct PushStore {
    store: Arc<FaultStore>,
    observer: Mutex<Option<Arc<dyn ChangeObserver>>>,
    followed: Condvar,
    limitations: Mutex<Vec<Limitation>>,
}

impl PushStore {
    /// Lets a store tell of changes.
    pub fn new(store: Arc<FaultStore>) -> Arc<Self> {
        Arc::new(Self {
            store,
            observer: Mutex::default(),
            followed: Condvar::new(),
            limitations: Mutex::default(),
        })
    }

    /// Returns the engine's ear, once it listens; panics if it never does.
    pub fn observer(&self) -> Arc<dyn ChangeObserver> {
        let mut observer = self.observer.lock();
        let patience = std::time::Duration::from_secs(60);
        self.followed.wait_while_for(&mut observer, |observer| observer.is_none(), patience);
        observer.clone().expect("the engine follows the store's changes")
    }

    /// Returns whether an engine listens.
    pub fn is_followed(&self) -> bool {
        self.observer.lock().is_some()
    }

    /// Sets what the store does without from now on.
    pub fn set_limitations(&self, limitations: Vec<Limitation>) {
        *self.limitations.lock() = limitations;
    }
}

/// Forgets the engine when it no longer listens.
struct Following<'a>(&'a PushStore);

impl Drop for Following<'_> {
    fn drop(&mut self) {
        *self.0.observer.lock() = None;
    }
}

impl StoreReader for PushStore {
    fn memberships<'a>(
        &'a self,
        hashes: &'a [ContextHash],
    ) -> BoxFuture<'a, Result<Vec<Result<Membership>>>> {
        self.store.memberships(hashes)
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        self.store.metadata()
    }

    fn follow_changes(&self, observer: Arc<dyn ChangeObserver>) -> Option<BoxFuture<'_, ()>> {
        *self.observer.lock() = Some(observer);
        self.followed.notify_all();
        let following = Following(self);
        Some(Box::pin(async move {
            let _following = following;
            std::future::pending().await
        }))
    }

    fn limitations(&self) -> Vec<Limitation> {
        self.limitations.lock().clone()
    }
}
