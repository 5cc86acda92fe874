//! Waiting without the GIL, and interruptibly.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, current, park, park_timeout};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::gil::detached;

/// How often the main thread looks for signals, such as Ctrl-C, while it waits.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

struct Alarm {
    thread: Thread,
    rang: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Waits for a future on this thread, without the GIL.
///
/// # Errors
/// What a signal handler raises, such as `KeyboardInterrupt`; the future is dropped then.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    future: impl IntoFuture<Output = T, IntoFuture: Send>,
) -> PyResult<T> {
    let mut future = pin!(future.into_future());
    let alarm = Arc::new(Alarm { thread: current(), rang: AtomicBool::new(false) });
    let waker = Waker::from(alarm.clone());
    let mut poll = || future.as_mut().poll(&mut Context::from_waker(&waker));
    // What needs no waiting needs to know nothing about signals.
    if let Poll::Ready(value) = detached(py, &mut poll) {
        return Ok(value);
    }
    let takes_signals = is_main_thread(py)?;
    let mut rest = || {
        loop {
            while !alarm.rang.swap(false, Ordering::Acquire) {
                if !takes_signals {
                    park();
                    continue;
                }
                park_timeout(SIGNAL_INTERVAL);
                if !alarm.rang.load(Ordering::Acquire) {
                    return None;
                }
            }
            if let Poll::Ready(value) = poll() {
                return Some(value);
            }
        }
    };
    loop {
        match detached(py, &mut rest) {
            Some(value) => return Ok(value),
            None => py.check_signals()?,
        }
    }
}

/// Returns whether signal handlers run on this thread.
fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    static THREADING: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();
    let (main_thread, current_thread) = THREADING.get_or_try_init(py, || -> PyResult<_> {
        let threading = py.import("threading")?;
        Ok((threading.getattr("main_thread")?.unbind(), threading.getattr("get_ident")?.unbind()))
    })?;
    let main = main_thread.call0(py)?.getattr(py, "ident")?;
    main.bind(py).eq(current_thread.call0(py)?)
}
