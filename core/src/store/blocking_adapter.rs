//! Adapts a store that blocks (a C vtable, a Python object) to the asynchronous reader trait.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{BatchResult, Metadata, StoreReader};
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{BoxFuture, Runtime};

/// The most calls in flight into one store. A store that never returns keeps its threads, so this
/// also limits what such a store can cost.
const MAX_CALLS: usize = 8;

/// A store whose methods block the calling thread.
pub trait BlockingStore: Send + Sync + 'static {
    /// Reads the memberships of `hashes`; see [`StoreReader::memberships`].
    fn memberships(&self, hashes: &[ContextHash]) -> Result<BatchResult>;

    /// Reads the store's metadata.
    fn metadata(&self) -> Result<Metadata>;
}

/// Runs each call of a [`BlockingStore`] on a blocking thread of the runtime.
pub struct BlockingAdapter<S> {
    store: Arc<S>,
    runtime: Arc<Runtime>,
    calls: Arc<Semaphore>,
}

impl<S: BlockingStore> BlockingAdapter<S> {
    /// Wraps a store.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn new(store: S) -> Result<Self> {
        Ok(Self {
            store: Arc::new(store),
            runtime: Runtime::shared()?,
            calls: Arc::new(Semaphore::new(MAX_CALLS)),
        })
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&S) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.calls.clone().acquire_owned().await.expect("the semaphore is never closed");
        let store = self.store.clone();
        let call = self.runtime.run_blocking(move || {
            // Held by the thread, not by the future: an abandoned call counts until it has released
            // the store.
            let _permit = permit;
            let store = store;
            work(&store)
        });
        call.await.unwrap_or_else(|e| {
            let message = if e.is_panic() {
                "the custom store panicked"
            } else {
                "the call into the custom store was aborted by the shutdown"
            };
            Err(Error::with_source(ErrorKind::Internal, message, e))
        })
    }
}

impl<S: BlockingStore> StoreReader for BlockingAdapter<S> {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        let hashes = hashes.to_vec();
        Box::pin(self.call(move |store| store.memberships(&hashes)))
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(self.call(S::metadata))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { drop(self.calls.acquire_many(MAX_CALLS as u32).await) })
    }
}
