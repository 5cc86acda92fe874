//! A store written in JavaScript: requests go through the queue, replies come back by request id.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bigseg::BoxFuture;
use bigseg::store::{BatchResult, Metadata, StoreReader};
use bigseg::{ContextHash, Error, ErrorKind, Membership, Result, SegmentRef};
use futures_util::FutureExt;
use napi_derive::napi;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::engine_message::EngineMessage;
use crate::tsfn_queue::Queue;

/// The reply to one request.
enum Reply {
    Memberships(Vec<Result<Membership>>),
    Metadata(Metadata),
}

/// The reply of a JavaScript store for one context.
#[napi(object, object_to_js = false)]
pub struct NativeMembership {
    /// The refs of the segments that include the context.
    pub included: Vec<String>,
    /// The refs of the segments that exclude the context.
    pub excluded: Vec<String>,
    /// Why this context alone has no membership: an error kind and a message.
    pub failure: Option<Vec<String>>,
}

/// The store, as the engine reads it.
pub(crate) struct CustomStore {
    queue: Arc<Queue<EngineMessage>>,
    next_id: AtomicU32,
    requests: Mutex<HashMap<u32, oneshot::Sender<Result<Reply>>>>,
}

impl CustomStore {
    pub(crate) fn new(queue: Arc<Queue<EngineMessage>>) -> Self {
        Self { queue, next_id: AtomicU32::new(0), requests: Mutex::default() }
    }

    async fn request(&self, message: impl FnOnce(u32) -> EngineMessage) -> Result<Reply> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.requests.lock().insert(id, sender);
        let _request = Request { store: self, id };
        self.queue.push(message(id));
        receiver.await.map_err(|_| {
            Error::new(ErrorKind::Closed, "the JavaScript environment of the custom store has ended")
        })?
    }

    fn reply(&self, id: u32, reply: Result<Reply>) {
        let request = self.requests.lock().remove(&id);
        if let Some(request) = request {
            // Fails when the engine stopped waiting.
            let _ = request.send(reply);
        }
    }

    /// Completes a request for memberships.
    pub(crate) fn reply_memberships(&self, id: u32, memberships: Vec<NativeMembership>) {
        let memberships = memberships.into_iter().map(|membership| match membership.failure.as_deref() {
            Some([kind, message]) => Err(store_error(kind, message)),
            _ => {
                let refs = |texts: Vec<String>| texts.into_iter().map(SegmentRef::from_store);
                Ok(Membership::new(refs(membership.included), refs(membership.excluded)))
            }
        });
        self.reply(id, Ok(Reply::Memberships(memberships.collect())));
    }

    /// Completes a request for metadata; 0 means never synchronised.
    pub(crate) fn reply_metadata(&self, id: u32, synchronized_on: i64) {
        let synchronized_on = Some(synchronized_on).filter(|time| *time != 0);
        self.reply(id, Ok(Reply::Metadata(Metadata { synchronized_on })));
    }

    /// Fails a request; an unknown kind counts as an unavailable store.
    pub(crate) fn reply_failure(&self, id: u32, kind: &str, message: &str) {
        self.reply(id, Err(store_error(kind, message)));
    }
}

/// Removes a request when the engine no longer waits for it.
struct Request<'a> {
    store: &'a CustomStore,
    id: u32,
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        self.store.requests.lock().remove(&self.id);
    }
}

fn store_error(kind: &str, message: &str) -> Error {
    let known = ErrorKind::ALL.iter().find(|known| known.name() == kind);
    let kind = known.copied().unwrap_or(ErrorKind::StoreUnavailable);
    Error::new(kind, format!("the custom store failed: {message}"))
}

fn wrong_reply() -> Error {
    Error::new(ErrorKind::Internal, "the custom store replied to another request")
}

impl StoreReader for CustomStore {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        let request = self.request(|id| EngineMessage::Memberships(id, hashes.to_vec()));
        request
            .map(move |reply| match reply? {
                Reply::Memberships(memberships) => BatchResult::new(hashes, memberships),
                Reply::Metadata(_) => Err(wrong_reply()),
            })
            .boxed()
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        self.request(EngineMessage::Metadata)
            .map(|reply| match reply? {
                Reply::Metadata(metadata) => Ok(metadata),
                Reply::Memberships(_) => Err(wrong_reply()),
            })
            .boxed()
    }
}
