//! Calls of the engine's that wait: they are polled on JavaScript's own thread, and only their wake-up comes from others.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bigseg_core::runtime::BoxFuture;
use bigseg_core::{Answer, Result, StoreStatus};
use napi_sys as sys;

use crate::message::Message;
use crate::tsfn_queue::Mailbox;

/// What came out of a call.
pub(crate) enum Outcome {
    /// Of lookups.
    Answers(Result<Vec<Answer>>),
    /// Of a refresh.
    Status(Result<StoreStatus>),
    /// Of a question; JSON.
    Text(Result<String>),
    /// Of closing.
    Closed,
}

/// The calls of one engine that wait.
pub(crate) struct Calls {
    mailbox: Arc<Mailbox<Message>>,
    waiting: RefCell<HashMap<u32, Waiting>>,
}

struct Waiting {
    call: BoxFuture<'static, Outcome>,
    alarm: Arc<Alarm>,
}

/// Wakes one call.
struct Alarm {
    ticket: u32,
    mailbox: Arc<Mailbox<Message>>,
    rang: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rang.swap(true, Ordering::AcqRel) {
            self.mailbox.post(Message::Woken(self.ticket));
        }
    }
}

impl Calls {
    pub(crate) fn new(mailbox: Arc<Mailbox<Message>>) -> Self {
        Self { mailbox, waiting: RefCell::default() }
    }

    /// Begins a call; what comes out of it is delivered under the ticket's number, never before this returns.
    pub(crate) fn begin(
        &self,
        env: sys::napi_env,
        ticket: u32,
        call: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let alarm = Arc::new(Alarm { ticket, mailbox: self.mailbox.clone(), rang: AtomicBool::new(false) });
        let mut waiting = Waiting { call: Box::pin(call), alarm };
        if let Some(outcome) = waiting.poll() {
            waiting.call = Box::pin(std::future::ready(outcome));
            waiting.alarm.wake_by_ref();
        }
        let mut all = self.waiting.borrow_mut();
        if all.is_empty() {
            self.mailbox.keep_alive(env, true);
        }
        all.insert(ticket, waiting);
    }

    /// Goes on with a call that was woken; returns what came out of it, if it has ended.
    pub(crate) fn go_on(&self, env: sys::napi_env, ticket: u32) -> Option<Outcome> {
        let mut waiting = self.waiting.borrow_mut().remove(&ticket)?;
        let outcome = waiting.poll();
        let mut all = self.waiting.borrow_mut();
        if outcome.is_none() {
            all.insert(ticket, waiting);
        } else if all.is_empty() {
            self.mailbox.keep_alive(env, false);
        }
        outcome
    }
}

impl Waiting {
    fn poll(&mut self) -> Option<Outcome> {
        self.alarm.rang.store(false, Ordering::Release);
        let waker = Waker::from(self.alarm.clone());
        match self.call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }
}
