//! A store written in JavaScript: the engine's questions go through the mailbox, the answers come back by number.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bigseg_core::runtime::BoxFuture;
use bigseg_core::store::{BatchResult, Metadata, StoreReader};
use bigseg_core::{ContextHash, Error, ErrorKind, Membership, Result, SegmentRef};
use futures_util::FutureExt;
use napi_derive::napi;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::message::Message;
use crate::tsfn_queue::Mailbox;

/// The answer to one question.
enum Reply {
    Memberships(Vec<Result<Membership>>),
    Metadata(Metadata),
}

/// What a store in JavaScript says about one context.
#[napi(object, object_to_js = false)]
pub struct NativeMembership {
    /// The refs the context is included in.
    pub included: Vec<String>,
    /// The refs it is excluded from.
    pub excluded: Vec<String>,
    /// Why there is no answer for this context alone: a kind and a sentence.
    pub failure: Option<Vec<String>>,
}

/// The store's face towards the engine.
pub(crate) struct CustomStore {
    mailbox: Arc<Mailbox<Message>>,
    next: AtomicU32,
    asked: Mutex<HashMap<u32, oneshot::Sender<Result<Reply>>>>,
}

impl CustomStore {
    pub(crate) fn new(mailbox: Arc<Mailbox<Message>>) -> Self {
        Self { mailbox, next: AtomicU32::new(0), asked: Mutex::default() }
    }

    async fn ask(&self, message: impl FnOnce(u32) -> Message) -> Result<Reply> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.asked.lock().insert(number, answer);
        let _asked = Asked { store: self, number };
        self.mailbox.post(message(number));
        let gone = |_| Error::new(ErrorKind::Closed, "the custom store's environment has ended");
        answered.await.map_err(gone)?
    }

    fn reply(&self, number: u32, reply: Result<Reply>) {
        let asked = self.asked.lock().remove(&number);
        if let Some(asked) = asked {
            // Whoever asked may have given up.
            let _ = asked.send(reply);
        }
    }

    /// Takes the answers to a question for memberships.
    pub(crate) fn reply_memberships(&self, number: u32, memberships: Vec<NativeMembership>) {
        let answers = memberships.into_iter().map(|membership| match membership.failure.as_deref() {
            Some([kind, message]) => Err(failed(kind, message)),
            _ => {
                let refs = |texts: Vec<String>| texts.into_iter().map(SegmentRef::from_store);
                Ok(Membership::new(refs(membership.included), refs(membership.excluded)))
            }
        });
        self.reply(number, Ok(Reply::Memberships(answers.collect())));
    }

    /// Takes the answer to a question for metadata; 0 = never synchronised.
    pub(crate) fn reply_metadata(&self, number: u32, synchronized_on: i64) {
        let synchronized_on = Some(synchronized_on).filter(|time| *time != 0);
        self.reply(number, Ok(Reply::Metadata(Metadata { synchronized_on })));
    }

    /// Takes a failure; the kind is one of the table, or else the store is called unavailable.
    pub(crate) fn fail(&self, number: u32, kind: &str, message: &str) {
        self.reply(number, Err(failed(kind, message)));
    }
}

/// Forgets a question when nobody waits for its answer any more.
struct Asked<'a> {
    store: &'a CustomStore,
    number: u32,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.store.asked.lock().remove(&self.number);
    }
}

fn failed(kind: &str, message: &str) -> Error {
    let known = ErrorKind::ALL.iter().find(|known| known.name() == kind);
    let kind = known.copied().unwrap_or(ErrorKind::StoreUnavailable);
    Error::new(kind, format!("the custom store failed: {message}"))
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Internal, "the custom store's answer is to another question")
}

impl StoreReader for CustomStore {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        let question = self.ask(|number| Message::Memberships(number, hashes.to_vec()));
        question
            .map(move |reply| match reply? {
                Reply::Memberships(memberships) => BatchResult::new(hashes, memberships),
                Reply::Metadata(_) => Err(unexpected()),
            })
            .boxed()
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        self.ask(Message::Metadata)
            .map(|reply| match reply? {
                Reply::Metadata(metadata) => Ok(metadata),
                Reply::Memberships(_) => Err(unexpected()),
            })
            .boxed()
    }
}
