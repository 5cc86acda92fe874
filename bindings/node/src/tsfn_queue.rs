//! The way from the library's threads to the thread of a JavaScript environment: many messages wake it once.
//!
//! Node's "thread-safe function" is the bell. It is never referenced except while a call waits (see `pending_calls.rs`), so that it
//! does not keep the process alive, and it is forgotten when the environment ends, so that nobody rings what is gone.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::{Function, JsObjectValue, Object};
use napi::{Env, JsValue};
use napi_sys as sys;
use parking_lot::Mutex;

use crate::error::{Result, internal};
use crate::js_call::Courier;

/// A kind of message.
pub(crate) trait Mail: Send + 'static {
    /// How many wait at most; beyond, the oldest are dropped.
    const MOST: usize = usize::MAX;

    /// Whether nobody needs to hear what was left just before this.
    fn supersedes(&self, _before: &Self) -> bool {
        false
    }
}

/// Takes the messages, on the environment's thread.
pub(crate) trait Recipient: 'static {
    /// What it takes.
    type Mail: Mail;

    /// Passes a message on to JavaScript. A value that cannot be made means that the environment is ending.
    fn pass_on(&self, courier: &Courier, mail: Self::Mail) -> napi::Result<()>;
}

/// A mailbox, which belongs to one environment.
pub(crate) struct Mailbox<M> {
    messages: Mutex<VecDeque<M>>,
    bell: Mutex<Option<Bell>>,
}

impl<M> Default for Mailbox<M> {
    fn default() -> Self {
        Self { messages: Mutex::default(), bell: Mutex::default() }
    }
}

struct Bell(sys::napi_threadsafe_function);

// SAFETY: that is what a thread-safe function is for; and it lies behind a lock.
unsafe impl Send for Bell {}

/// What the bell owns until the environment lets go of it.
struct Recipients<R: Recipient> {
    recipient: R,
    mailbox: Arc<Mailbox<R::Mail>>,
}

impl<M: Mail> Mailbox<M> {
    /// Hangs up the bell. `receiver.deliver` is what the courier calls, and is kept for as long as the bell hangs; tools that
    /// look for open handles are shown the receiver.
    pub(crate) fn open<R: Recipient<Mail = M>>(
        self: &Arc<Self>,
        env: Env,
        receiver: &Object<'_>,
        recipient: R,
    ) -> Result<()> {
        let deliver: Function<'_, (), ()> =
            receiver.get_named_property("deliver").map_err(|e| internal(&e.reason))?;
        let (env, deliver, resource) = (env.raw(), deliver.raw(), receiver.raw());
        let owned = Box::into_raw(Box::new(Recipients { recipient, mailbox: self.clone() }));
        let (mut name, mut bell) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: called on the environment's thread, with values of this environment; `owned` is freed by `forget`.
        let status = unsafe {
            sys::napi_create_string_utf8(env, c"bigseg".as_ptr(), 6, &mut name);
            sys::napi_create_threadsafe_function(
                env,
                deliver,
                resource,
                name,
                0,
                1,
                owned.cast(),
                Some(forget::<R>),
                owned.cast(),
                Some(ring::<R>),
                &mut bell,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: nobody else has seen it.
            drop(unsafe { Box::from_raw(owned) });
            return Err(internal("Node refuses to make a thread-safe function"));
        }
        // SAFETY: as above.
        unsafe { sys::napi_unref_threadsafe_function(env, bell) };
        *self.bell.lock() = Some(Bell(bell));
        Ok(())
    }

    /// Leaves a message; from any thread.
    pub(crate) fn post(&self, message: M) {
        let was_empty = {
            let mut messages = self.messages.lock();
            let was_empty = messages.is_empty();
            if messages.back().is_some_and(|before| message.supersedes(before)) {
                messages.pop_back();
            } else if messages.len() >= M::MOST {
                messages.pop_front();
            }
            messages.push_back(message);
            was_empty
        };
        if was_empty && let Some(bell) = &*self.bell.lock() {
            // SAFETY: the bell is forgotten, under this lock, before it is freed. It fails only when that is about to happen.
            unsafe {
                sys::napi_call_threadsafe_function(
                    bell.0,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                )
            };
        }
    }

    /// Says whether the process is to stay alive for the sake of what is waited for; on the environment's thread.
    pub(crate) fn keep_alive(&self, env: sys::napi_env, keep: bool) {
        if let Some(bell) = &*self.bell.lock() {
            // SAFETY: as in `post`, and this is the environment's thread.
            unsafe {
                match keep {
                    true => sys::napi_ref_threadsafe_function(env, bell.0),
                    false => sys::napi_unref_threadsafe_function(env, bell.0),
                }
            };
        }
    }

    /// Takes the bell down; messages are left to nobody from then on.
    pub(crate) fn close(&self) {
        let bell = self.bell.lock().take();
        if let Some(bell) = bell {
            // SAFETY: it was still hanging, so it is not freed before this.
            unsafe {
                sys::napi_release_threadsafe_function(bell.0, sys::ThreadsafeFunctionReleaseMode::abort)
            };
        }
    }
}

/// Called by Node on the environment's thread after the bell was rung.
unsafe extern "C" fn ring<R: Recipient>(
    env: sys::napi_env,
    deliver: sys::napi_value,
    owned: *mut c_void,
    _data: *mut c_void,
) {
    // Null when the environment is ending.
    if env.is_null() || deliver.is_null() {
        return;
    }
    // SAFETY: it lives until `forget`, after which this is not called.
    let owned = unsafe { &*owned.cast::<Recipients<R>>() };
    let receive = || {
        let messages = std::mem::take(&mut *owned.mailbox.messages.lock());
        for message in messages {
            let mut scope = ptr::null_mut();
            // SAFETY: on the environment's thread; closed below.
            unsafe { sys::napi_open_handle_scope(env, &mut scope) };
            let _ = owned.recipient.pass_on(&Courier { env, deliver }, message);
            // SAFETY: opened above.
            unsafe { sys::napi_close_handle_scope(env, scope) };
        }
    };
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(receive)).is_err() {
        log::error!("a delivery to JavaScript panicked, which is a defect of bigseg");
    }
}

/// Called by Node on the environment's thread when the bell is gone, or the environment ends.
unsafe extern "C" fn forget<R: Recipient>(_env: sys::napi_env, owned: *mut c_void, _hint: *mut c_void) {
    // SAFETY: it comes from `open`, and this is called once.
    let owned = unsafe { Box::from_raw(owned.cast::<Recipients<R>>()) };
    owned.mailbox.bell.lock().take();
    // What it owns may close an engine, whose threads may want the mailbox.
    drop(owned);
}
