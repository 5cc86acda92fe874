//! The engine's threads at the door of the interpreter: it is shut before the interpreter goes.
//!
//! A thread that waits for the GIL while the interpreter is finalized never comes back, and may take the process with it.
//! So `leave`, which Python calls at exit, shuts the door and waits until everybody inside has left.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

static SHUT: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// How long exit waits for callbacks and custom stores that do not return.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Counts a thread as inside for as long as it lives.
struct Inside;

impl Inside {
    fn enter() -> Option<Self> {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let inside = Self;
        (!SHUT.load(Ordering::SeqCst)).then_some(inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // In a forked child the count starts again, perhaps while the forking thread is inside.
        let _ = INSIDE.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
    }
}

/// Refuses sub-interpreters: what native code keeps for the process would be shared between them.
///
/// # Errors
/// `ImportError` anywhere but in the main interpreter.
pub(crate) fn check_main() -> PyResult<()> {
    // SAFETY: a module is imported on a thread that is attached to the interpreter that imports it.
    let number = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    match number {
        0 => Ok(()),
        _ => {
            Err(PyImportError::new_err("bigseg works in the main interpreter only, not in a sub-interpreter"))
        }
    }
}

/// Runs `work` in the interpreter, on a thread of the engine's; `None` when the interpreter is going, or gone.
pub(crate) fn enter<R>(work: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    let _inside = Inside::enter()?;
    Python::try_attach(work)
}

/// Lets go of the GIL for as long as `work` runs, on a thread of Python's.
pub(crate) fn detached<R: Send>(py: Python<'_>, work: impl FnOnce() -> R + Send) -> R {
    // Even when the door is shut: exit waits for those who are counted, and a closed engine lets nobody wait for long.
    let _inside = Inside::enter();
    py.detach(work)
}

/// Shuts the door for good, after every engine was closed.
#[pyfunction]
pub(crate) fn leave(py: Python<'_>) {
    crate::log::deliver(py);
    SHUT.store(true, Ordering::SeqCst);
    py.detach(|| {
        let mut patience = PATIENCE;
        while INSIDE.load(Ordering::SeqCst) > 0 && !patience.is_zero() {
            std::thread::sleep(LOOK_AGAIN);
            patience = patience.saturating_sub(LOOK_AGAIN);
        }
    });
}

/// Forgets the threads that do not exist in a forked child.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    INSIDE.store(0, Ordering::SeqCst);
    crate::log::start_anew();
}
