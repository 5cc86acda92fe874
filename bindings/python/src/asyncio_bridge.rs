//! Runs engine calls on an asyncio event loop, and wakes the loop once for many ready calls.
//!
//! 1. A call is polled on the thread of the event loop.
//! 2. When the engine can continue a call, a thread of the engine adds the call's id to the ready
//!    set. If the set was empty, it also writes a byte to a socket that the loop reads. Neither
//!    needs the GIL.
//! 3. The loop polls every call of the ready set. Ids that arrive before it runs need no further
//!    byte.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bigseg::__internal::runtime::{BoxFuture, ForkGeneration};
use bigseg::{Error, ErrorKind};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::error::to_py_err;
use crate::gil::without_gil;

/// The result of a call; the function converts it to a Python object.
pub(crate) type Outcome = bigseg::Result<Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>>;

/// Makes the outcome of a call whose result is converted on the thread of the event loop.
pub(crate) fn outcome(to_python: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send + 'static) -> Outcome {
    Ok(Box::new(to_python))
}

/// The pending calls of one event loop.
#[pyclass(frozen)]
struct AsyncioBridge {
    event_loop: Py<PyAny>,
    ready: Arc<ReadySet>,
    wake_receiver: UnixStream,
    pending: Mutex<HashMap<u64, PendingCall>>,
    last_id: AtomicU64,
    generation: ForkGeneration,
}

/// A call in progress, and the asyncio future that its caller awaits.
struct PendingCall {
    call: BoxFuture<'static, Outcome>,
    future: Py<PyAny>,
}

/// The ids of calls that can continue; any thread may add one.
struct ReadySet {
    ids: Mutex<Vec<u64>>,
    wake_sender: UnixStream,
    generation: ForkGeneration,
}

/// Marks one call as ready.
struct CallWaker {
    ready: Arc<ReadySet>,
    id: u64,
}

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.ready.generation.is_stale() {
            return;
        }
        let was_empty = {
            let mut ids = self.ready.ids.lock();
            ids.push(self.id);
            ids.len() == 1
        };
        if was_empty {
            // Fails only when the loop is closed, or when unread bytes fill the socket.
            let _ = (&self.ready.wake_sender).write(&[0]);
        }
    }
}

thread_local! {
    /// The bridges of the loops that have run on this thread; most of the loops are closed.
    static BRIDGES: RefCell<Vec<Py<AsyncioBridge>>> = const { RefCell::new(Vec::new()) };
}

/// Starts a call, and returns an asyncio future of the running loop for its result.
///
/// # Errors
/// `RuntimeError` when no loop runs on this thread.
pub(crate) fn start(
    py: Python<'_>,
    call: impl Future<Output = Outcome> + Send + 'static,
) -> PyResult<Bound<'_, PyAny>> {
    let event_loop = running_loop(py)?;
    let bridge = bridge_of(&event_loop)?;
    let bridge = bridge.bind(py).get();
    let future = event_loop.call_method0(intern!(py, "create_future"))?;
    let id = bridge.last_id.fetch_add(1, Ordering::Relaxed);
    bridge.poll(py, id, PendingCall { call: Box::pin(call), future: future.clone().unbind() })?;
    Ok(future)
}

fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let running_loop = RUNNING_LOOP.get_or_try_init(py, || -> PyResult<_> {
        Ok(py.import("asyncio")?.getattr("get_running_loop")?.unbind())
    })?;
    running_loop.bind(py).call0()
}

/// Returns the bridge of a loop that runs on this thread, and creates it on first use.
fn bridge_of(event_loop: &Bound<'_, PyAny>) -> PyResult<Py<AsyncioBridge>> {
    let py = event_loop.py();
    let existing = BRIDGES.with_borrow(|bridges| {
        let mut bridges = bridges.iter().map(Py::get);
        bridges.position(|bridge| bridge.event_loop.is(event_loop) && !bridge.generation.is_stale())
    });
    if let Some(index) = existing {
        return Ok(BRIDGES.with_borrow(|bridges| bridges[index].clone_ref(py)));
    }
    let bridge = AsyncioBridge::attach(event_loop)?;
    let others = BRIDGES.take();
    let is_open = |bridge: &Py<AsyncioBridge>| {
        let closed = bridge.get().event_loop.call_method0(py, intern!(py, "is_closed"));
        !bridge.get().generation.is_stale()
            && closed.and_then(|closed| closed.is_truthy(py)).is_ok_and(|closed| !closed)
    };
    let mut open: Vec<_> = others.into_iter().filter(is_open).collect();
    open.push(bridge.clone_ref(py));
    BRIDGES.set(open);
    Ok(bridge)
}

impl AsyncioBridge {
    /// Creates the bridge of an event loop, and registers its socket with the loop.
    fn attach(event_loop: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        let py = event_loop.py();
        let (wake_receiver, wake_sender) = UnixStream::pair()?;
        wake_receiver.set_nonblocking(true)?;
        wake_sender.set_nonblocking(true)?;
        let generation = ForkGeneration::current();
        let descriptor = wake_receiver.as_raw_fd();
        let bridge = Self {
            event_loop: event_loop.clone().unbind(),
            ready: Arc::new(ReadySet { ids: Mutex::default(), wake_sender, generation }),
            wake_receiver,
            pending: Mutex::default(),
            last_id: AtomicU64::new(0),
            generation,
        };
        let bridge = Py::new(py, bridge)?;
        let poll_ready = bridge.bind(py).getattr(intern!(py, "poll_ready"))?;
        event_loop.call_method1(intern!(py, "add_reader"), (descriptor, poll_ready))?;
        Ok(bridge)
    }

    /// Polls a call: resolves its future, or keeps it among the pending calls.
    fn poll(&self, py: Python<'_>, id: u64, mut pending: PendingCall) -> PyResult<()> {
        let waker = Waker::from(Arc::new(CallWaker { ready: self.ready.clone(), id }));
        let call = &mut pending.call;
        // Without the GIL, because the engine may read an embedded store from a disk.
        let polled = without_gil(py, || {
            let poll = || call.as_mut().poll(&mut Context::from_waker(&waker));
            catch_unwind(AssertUnwindSafe(poll))
        });
        let outcome = match polled {
            Ok(Poll::Pending) => {
                self.pending.lock().insert(id, pending);
                return Ok(());
            }
            Ok(Poll::Ready(outcome)) => outcome,
            Err(_) => Err(Error::new(ErrorKind::Internal, "a lookup panicked, which is a bug in bigseg")),
        };
        resolve(py, &pending.future, outcome)
    }
}

#[pymethods]
impl AsyncioBridge {
    /// Polls every ready call; the loop calls this when a byte has arrived.
    fn poll_ready(&self, py: Python<'_>) -> PyResult<()> {
        if self.generation.is_stale() {
            return Ok(());
        }
        // The bytes are read before the set is taken, so that a byte written later is not lost.
        while (&self.wake_receiver).read(&mut [0; 64]).is_ok_and(|length| length == 64) {}
        let ids = std::mem::take(&mut *self.ready.ids.lock());
        for id in ids {
            let pending = self.pending.lock().remove(&id);
            let Some(pending) = pending else { continue };
            // Only a cancelled future is done here; its call is dropped.
            let is_done = pending.future.call_method0(py, intern!(py, "done"))?.is_truthy(py)?;
            if !is_done {
                self.poll(py, id, pending)?;
            }
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        let Some(pending) = self.pending.try_lock() else { return Ok(()) };
        pending.values().try_for_each(|pending| visit.call(&pending.future))
    }
}

impl Drop for AsyncioBridge {
    fn drop(&mut self) {
        if self.generation.is_stale() {
            // Calls in progress at `fork` refer to timers of threads that do not exist in this
            // process.
            std::mem::forget(std::mem::take(self.pending.get_mut()));
        }
    }
}

/// Sets the result or the exception of an asyncio future.
fn resolve(py: Python<'_>, future: &Py<PyAny>, outcome: Outcome) -> PyResult<()> {
    let object = match outcome {
        Ok(to_python) => to_python(py),
        Err(e) => Err(to_py_err(py, &e)),
    };
    match object {
        Ok(object) => future.call_method1(py, intern!(py, "set_result"), (object,))?,
        Err(exception) => future.call_method1(py, intern!(py, "set_exception"), (exception,))?,
    };
    Ok(())
}
