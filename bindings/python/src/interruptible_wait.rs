//! Waiting for a future on a thread of Python's: without the GIL, and interruptible by signals.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, current, park, park_timeout};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::gil::without_gil;

/// How often the main thread checks for signals, such as Ctrl-C, while it waits.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

struct ThreadWaker {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Waits for a future on this thread, without the GIL.
///
/// # Errors
/// What a signal handler raises, such as `KeyboardInterrupt`; the future is then dropped.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    future: impl IntoFuture<Output = T, IntoFuture: Send>,
) -> PyResult<T> {
    let mut future = pin!(future.into_future());
    let thread_waker = Arc::new(ThreadWaker { thread: current(), is_woken: AtomicBool::new(false) });
    let waker = Waker::from(thread_waker.clone());
    let mut poll = || future.as_mut().poll(&mut Context::from_waker(&waker));
    // A future that is ready at once needs no check for signals.
    if let Poll::Ready(value) = without_gil(py, &mut poll) {
        return Ok(value);
    }
    let handles_signals = is_main_thread(py)?;
    let mut wait_until_ready_or_interval = || {
        loop {
            while !thread_waker.is_woken.swap(false, Ordering::Acquire) {
                if !handles_signals {
                    park();
                    continue;
                }
                park_timeout(SIGNAL_INTERVAL);
                if !thread_waker.is_woken.load(Ordering::Acquire) {
                    return None;
                }
            }
            if let Poll::Ready(value) = poll() {
                return Some(value);
            }
        }
    };
    loop {
        match without_gil(py, &mut wait_until_ready_or_interval) {
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
