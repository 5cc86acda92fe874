//! Pending calls of an engine: polled on the JavaScript thread, woken by any other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bigseg::BoxFuture;
use bigseg::{Answer, Result, StoreStatus};
use napi_sys as sys;

use crate::engine_message::EngineMessage;
use crate::tsfn_queue::Queue;

/// The result of a call.
pub(crate) enum Outcome {
    /// Of lookups.
    Answers(Result<Vec<Answer>>),
    /// Of a status refresh.
    Status(Result<StoreStatus>),
    /// Of an evaluation, as JSON.
    Json(Result<String>),
    /// Of closing the engine.
    Closed,
}

/// The pending calls of one engine, by the id that JavaScript chose.
pub(crate) struct PendingCalls {
    queue: Arc<Queue<EngineMessage>>,
    pending: RefCell<HashMap<u32, PendingCall>>,
}

struct PendingCall {
    call: BoxFuture<'static, Outcome>,
    waker: Arc<CallWaker>,
}

/// Queues one message when its call can continue.
struct CallWaker {
    call_id: u32,
    queue: Arc<Queue<EngineMessage>>,
    is_woken: AtomicBool,
}

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            self.queue.push(EngineMessage::CallReady(self.call_id));
        }
    }
}

impl PendingCalls {
    pub(crate) fn new(queue: Arc<Queue<EngineMessage>>) -> Self {
        Self { queue, pending: RefCell::default() }
    }

    /// Starts a call. Its outcome is delivered with the call id, always after this function
    /// returned.
    pub(crate) fn start(
        &self,
        env: sys::napi_env,
        call_id: u32,
        call: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let queue = self.queue.clone();
        let waker = Arc::new(CallWaker { call_id, queue, is_woken: AtomicBool::new(false) });
        let mut started = PendingCall { call: Box::pin(call), waker };
        if let Some(outcome) = started.poll() {
            started.call = Box::pin(std::future::ready(outcome));
            started.waker.wake_by_ref();
        }
        let mut pending = self.pending.borrow_mut();
        if pending.is_empty() {
            self.queue.reference(env);
        }
        pending.insert(call_id, started);
    }

    /// Polls a woken call, and returns its outcome if it is complete.
    pub(crate) fn resume(&self, env: sys::napi_env, call_id: u32) -> Option<Outcome> {
        let mut resumed = self.pending.borrow_mut().remove(&call_id)?;
        let outcome = resumed.poll();
        let mut pending = self.pending.borrow_mut();
        if outcome.is_none() {
            pending.insert(call_id, resumed);
        } else if pending.is_empty() {
            self.queue.unreference(env);
        }
        outcome
    }
}

impl PendingCall {
    fn poll(&mut self) -> Option<Outcome> {
        self.waker.is_woken.store(false, Ordering::Release);
        let waker = Waker::from(self.waker.clone());
        match self.call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }
}
