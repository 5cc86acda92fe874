//! Entering and leaving the interpreter, also while it shuts down.
//!
//! A thread that waits for the GIL while the interpreter is finalized never returns, and may crash
//! the process. Therefore `shut_down`, which runs at exit, refuses further threads and
//! waits until every thread that is counted here has left.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

static IS_SHUT_DOWN: AtomicBool = AtomicBool::new(false);
static ACTIVE_THREADS: AtomicUsize = AtomicUsize::new(0);

/// How long exit waits for listeners and custom stores that do not return.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Counts a thread as active while it exists.
struct ActiveThread;

impl ActiveThread {
    /// Counts this thread, unless the interpreter shuts down.
    fn register() -> Option<Self> {
        ACTIVE_THREADS.fetch_add(1, Ordering::SeqCst);
        let active = Self;
        (!IS_SHUT_DOWN.load(Ordering::SeqCst)).then_some(active)
    }
}

impl Drop for ActiveThread {
    fn drop(&mut self) {
        // A forked child starts again at 0, possibly while the forking thread is counted.
        let _ = ACTIVE_THREADS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
    }
}

/// Refuses sub-interpreters, because native state of the process would be shared between them.
///
/// # Errors
/// `ImportError` except in the main interpreter.
pub(crate) fn check_main_interpreter() -> PyResult<()> {
    // SAFETY: the thread that imports a module is attached to the importing interpreter.
    let id = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if id == 0 {
        Ok(())
    } else {
        Err(PyImportError::new_err("bigseg works in the main interpreter only, not in a sub-interpreter"))
    }
}

/// Runs `work` with the GIL, on a thread of the engine; `None` when the interpreter shuts down.
pub(crate) fn with_gil<R>(work: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    let _active = ActiveThread::register()?;
    Python::try_attach(work)
}

/// Runs `work` without the GIL, on a thread of Python's.
pub(crate) fn without_gil<R: Send>(py: Python<'_>, work: impl FnOnce() -> R + Send) -> R {
    // Counted also during shutdown: exit waits for counted threads, and no call on a closed engine
    // waits for long.
    let _active = ActiveThread::register();
    py.detach(work)
}

/// Refuses further threads, and waits for those that are counted.
pub(crate) fn shut_down(py: Python<'_>) {
    IS_SHUT_DOWN.store(true, Ordering::SeqCst);
    py.detach(|| {
        let mut remaining = SHUTDOWN_TIMEOUT;
        while ACTIVE_THREADS.load(Ordering::SeqCst) > 0 && !remaining.is_zero() {
            std::thread::sleep(POLL_INTERVAL);
            remaining = remaining.saturating_sub(POLL_INTERVAL);
        }
    });
}

/// Resets the count in a forked child, where the counted threads do not exist.
pub(crate) fn reset_count() {
    ACTIVE_THREADS.store(0, Ordering::SeqCst);
}
