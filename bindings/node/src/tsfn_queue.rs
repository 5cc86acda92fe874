//! A queue from any thread to the thread of a JavaScript environment; many messages wake it once.
//!
//! The wake-up is a thread-safe function of Node-API. It is referenced only while a call is pending
//! (see `pending_calls.rs`), so it does not keep the process alive. When the environment ends, Node
//! finalizes the function, and the queue drops its pointer under a lock before that.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::{Function, JsObjectValue, Object};
use napi::{Env, JsValue};
use napi_sys as sys;
use parking_lot::Mutex;

use crate::error::{Result, internal};
use crate::js_call::JsCall;

/// A message of a queue.
pub(crate) trait Message: Send + 'static {
    /// The maximal number of queued messages; beyond it the oldest is dropped.
    const CAPACITY: usize = usize::MAX;

    /// Whether this message makes the one queued just before it obsolete.
    fn replaces(&self, _before: &Self) -> bool {
        false
    }
}

/// Receives the messages, on the thread of the environment.
pub(crate) trait Consumer: 'static {
    /// The message that it receives.
    type Message: Message;

    /// Passes a message to JavaScript. Fails only when the environment is ending.
    fn consume(&self, js: &JsCall, message: Self::Message) -> napi::Result<()>;
}

/// A queue, which belongs to one environment.
pub(crate) struct Queue<M> {
    messages: Mutex<VecDeque<M>>,
    tsfn: Mutex<Option<Tsfn>>,
}

impl<M> Default for Queue<M> {
    fn default() -> Self {
        Self { messages: Mutex::default(), tsfn: Mutex::default() }
    }
}

struct Tsfn(sys::napi_threadsafe_function);

// SAFETY: any thread may use a thread-safe function, and a lock guards the pointer.
unsafe impl Send for Tsfn {}

/// What the thread-safe function owns until it is finalized.
struct TsfnData<C: Consumer> {
    consumer: C,
    queue: Arc<Queue<C::Message>>,
}

impl<M: Message> Queue<M> {
    /// Creates the thread-safe function of the queue.
    ///
    /// The consumer calls `receiver.deliver`, which lives as long as the thread-safe function.
    /// Tools that look for open handles see the receiver as the async resource.
    pub(crate) fn open<C: Consumer<Message = M>>(
        self: &Arc<Self>,
        env: Env,
        receiver: &Object<'_>,
        consumer: C,
    ) -> Result<()> {
        let deliver: Function<'_, (), ()> =
            receiver.get_named_property("deliver").map_err(|e| internal(&e.reason))?;
        let env = env.raw();
        let data = Box::into_raw(Box::new(TsfnData { consumer, queue: self.clone() }));
        let mut name = ptr::null_mut();
        let mut tsfn = ptr::null_mut();
        // SAFETY: on the thread of the environment, with values of it; `finalize` frees `data`.
        let status = unsafe {
            sys::napi_create_string_utf8(env, c"bigseg".as_ptr(), 6, &mut name);
            sys::napi_create_threadsafe_function(
                env,
                deliver.raw(),
                receiver.raw(),
                name,
                0,
                1,
                data.cast(),
                Some(finalize::<C>),
                data.cast(),
                Some(drain::<C>),
                &mut tsfn,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: the pointer was not shared.
            drop(unsafe { Box::from_raw(data) });
            return Err(internal("Node cannot create a thread-safe function"));
        }
        // SAFETY: on the thread of the environment.
        unsafe { sys::napi_unref_threadsafe_function(env, tsfn) };
        *self.tsfn.lock() = Some(Tsfn(tsfn));
        Ok(())
    }

    /// Adds a message, from any thread.
    pub(crate) fn push(&self, message: M) {
        let was_empty = {
            let mut messages = self.messages.lock();
            let was_empty = messages.is_empty();
            if messages.back().is_some_and(|before| message.replaces(before)) {
                messages.pop_back();
            } else if messages.len() >= M::CAPACITY {
                messages.pop_front();
            }
            messages.push_back(message);
            was_empty
        };
        if was_empty && let Some(tsfn) = &*self.tsfn.lock() {
            // SAFETY: `finalize` removes the pointer under this lock before Node frees it. The call
            // fails only shortly before that.
            unsafe {
                sys::napi_call_threadsafe_function(
                    tsfn.0,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                )
            };
        }
    }

    /// Lets the queue keep the process alive; called on the thread of the environment.
    pub(crate) fn reference(&self, env: sys::napi_env) {
        if let Some(tsfn) = &*self.tsfn.lock() {
            // SAFETY: the pointer is valid under this lock, and this is the thread of the
            // environment.
            unsafe { sys::napi_ref_threadsafe_function(env, tsfn.0) };
        }
    }

    /// Lets the process end despite the queue; called on the thread of the environment.
    pub(crate) fn unreference(&self, env: sys::napi_env) {
        if let Some(tsfn) = &*self.tsfn.lock() {
            // SAFETY: the pointer is valid under this lock, and this is the thread of the
            // environment.
            unsafe { sys::napi_unref_threadsafe_function(env, tsfn.0) };
        }
    }

    /// Releases the thread-safe function; later messages are never delivered.
    pub(crate) fn close(&self) {
        let tsfn = self.tsfn.lock().take();
        if let Some(tsfn) = tsfn {
            // SAFETY: the pointer was still set, so it was not finalized.
            unsafe {
                sys::napi_release_threadsafe_function(tsfn.0, sys::ThreadsafeFunctionReleaseMode::abort)
            };
        }
    }
}

/// Delivers every queued message; Node calls this on the thread of the environment.
unsafe extern "C" fn drain<C: Consumer>(
    env: sys::napi_env,
    deliver: sys::napi_value,
    data: *mut c_void,
    _call_data: *mut c_void,
) {
    // Null when the environment is ending.
    if env.is_null() || deliver.is_null() {
        return;
    }
    // SAFETY: the data live until `finalize`, after which Node does not call this function.
    let data = unsafe { &*data.cast::<TsfnData<C>>() };
    let deliver_all = || {
        let messages = std::mem::take(&mut *data.queue.messages.lock());
        for message in messages {
            let mut scope = ptr::null_mut();
            // SAFETY: on the thread of the environment; the scope is closed below.
            unsafe { sys::napi_open_handle_scope(env, &mut scope) };
            let _ = data.consumer.consume(&JsCall { env, function: deliver }, message);
            // SAFETY: the scope was opened above.
            unsafe { sys::napi_close_handle_scope(env, scope) };
        }
    };
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(deliver_all)).is_err() {
        log::error!("a delivery to JavaScript panicked, which is a bug in bigseg");
    }
}

/// Frees the data; Node calls this when the function is released or the environment ends.
unsafe extern "C" fn finalize<C: Consumer>(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the pointer comes from `open`, and Node calls this once.
    let data = unsafe { Box::from_raw(data.cast::<TsfnData<C>>()) };
    data.queue.tsfn.lock().take();
    // Outside of the lock: dropping the consumer may close an engine, whose threads use the queue.
    drop(data);
}
