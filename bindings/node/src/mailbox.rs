//! The way from the engine's threads to the thread of a JavaScript environment: many messages wake it once.
//!
//! Node's "thread-safe function" is the bell. It is never referenced except while a call waits (see `calls.rs`), so that it
//! does not keep the process alive, and it is forgotten when the environment ends, so that nobody rings what is gone.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use bigseg_core::{ContextHash, StoreStatus};
use napi_sys as sys;
use parking_lot::Mutex;

/// What a thread of the engine's has to say.
pub(crate) enum Message {
    /// A call can go on.
    Woken(u32),
    /// The store's status changed; for one listener.
    Status(u32, StoreStatus),
    /// A custom store is asked for memberships.
    Memberships(u32, Vec<ContextHash>),
    /// A custom store is asked for its metadata.
    Metadata(u32),
}

/// Takes the messages, on the environment's thread. `deliver` is the function that the bell was made with.
pub(crate) trait Recipient: 'static {
    /// Deals with all messages there are.
    fn receive(&self, env: sys::napi_env, deliver: sys::napi_value);
}

/// The mailbox of one engine.
#[derive(Default)]
pub(crate) struct Mailbox {
    messages: Mutex<Vec<Message>>,
    bell: Mutex<Option<Bell>>,
}

struct Bell(sys::napi_threadsafe_function);

// SAFETY: that is what a thread-safe function is for; and it lies behind a lock.
unsafe impl Send for Bell {}

/// What the bell owns until the environment lets go of it.
struct Recipients<R> {
    recipient: R,
    mailbox: Arc<Mailbox>,
}

impl Mailbox {
    /// Hangs up the bell. `deliver` is kept for as long as it hangs; tools that look for open handles are shown `resource`.
    pub(crate) fn open<R: Recipient>(
        self: &Arc<Self>,
        env: sys::napi_env,
        deliver: sys::napi_value,
        resource: sys::napi_value,
        recipient: R,
    ) -> napi::Result<()> {
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
            return Err(napi::Error::from_status(status.into()));
        }
        // SAFETY: as above.
        unsafe { sys::napi_unref_threadsafe_function(env, bell) };
        *self.bell.lock() = Some(Bell(bell));
        Ok(())
    }

    /// Leaves a message; from any thread.
    pub(crate) fn post(&self, message: Message) {
        let was_empty = {
            let mut messages = self.messages.lock();
            match (&message, messages.last_mut()) {
                // Of a status, the latest value wins.
                (Message::Status(listener, _), Some(Message::Status(before, status)))
                    if listener == before =>
                {
                    let Message::Status(_, latest) = message else { return };
                    *status = latest;
                    return;
                }
                _ => messages.push(message),
            }
            messages.len() == 1
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

    /// Takes all messages.
    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut *self.messages.lock())
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
    let receive = std::panic::AssertUnwindSafe(|| owned.recipient.receive(env, deliver));
    if std::panic::catch_unwind(receive).is_err() {
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
