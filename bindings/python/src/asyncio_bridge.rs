//! Answers on their way to an asyncio event loop: many of them wake it once.
//!
//! A lookup is polled on the loop's own thread. When the engine has news for it, on a thread of its own, it puts the lookup's
//! number into a list, and writes a byte into a socket that the loop watches if the list was empty: no GIL is needed for
//! that, and whatever else arrives before the loop gets round to it travels along.

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

use bigseg_core::runtime::{BoxFuture, ForkGeneration};
use bigseg_core::{Error, ErrorKind};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::error::raised;
use crate::gil::detached;

/// What came out of a call, still to be turned into an object of Python's.
pub(crate) type Outcome = bigseg_core::Result<Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>>;

/// Has a call come out as an object that is made on the loop's own thread.
pub(crate) fn outcome(object: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send + 'static) -> Outcome {
    Ok(Box::new(object))
}

/// The queue of one event loop.
#[pyclass(frozen)]
struct LoopQueue {
    event_loop: Py<PyAny>,
    arrivals: Arc<Arrivals>,
    inbox: UnixStream,
    waiting: Mutex<HashMap<u64, Waiting>>,
    last_number: AtomicU64,
    stamp: ForkGeneration,
}

/// A call under way, and the asyncio future that its caller awaits.
struct Waiting {
    call: BoxFuture<'static, Outcome>,
    future: Py<PyAny>,
}

/// Which calls have news; filled by any thread.
struct Arrivals {
    numbers: Mutex<Vec<u64>>,
    outbox: UnixStream,
    stamp: ForkGeneration,
}

/// Wakes one call.
struct Bell {
    arrivals: Arc<Arrivals>,
    number: u64,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.arrivals.stamp.is_stale() {
            return;
        }
        let was_empty = {
            let mut numbers = self.arrivals.numbers.lock();
            numbers.push(self.number);
            numbers.len() == 1
        };
        if was_empty {
            // It fails only when the loop is gone, or when there is a byte too many already.
            let _ = (&self.arrivals.outbox).write(&[0]);
        }
    }
}

thread_local! {
    /// The queues of the loops that have run on this thread, few of which are still open.
    static QUEUES: RefCell<Vec<Py<LoopQueue>>> = const { RefCell::new(Vec::new()) };
}

/// Begins a call, and returns an asyncio future of the running loop for what comes out of it.
///
/// # Errors
/// `RuntimeError` when no loop runs on this thread.
pub(crate) fn begin(
    py: Python<'_>,
    call: impl Future<Output = Outcome> + Send + 'static,
) -> PyResult<Bound<'_, PyAny>> {
    let event_loop = running_loop(py)?;
    let queue = queue_of(&event_loop)?;
    let queue = queue.bind(py).get();
    let future = event_loop.call_method0(intern!(py, "create_future"))?;
    let number = queue.last_number.fetch_add(1, Ordering::Relaxed);
    queue.poll(py, number, Waiting { call: Box::pin(call), future: future.clone().unbind() })?;
    Ok(future)
}

fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let running_loop = RUNNING_LOOP.get_or_try_init(py, || -> PyResult<_> {
        Ok(py.import("asyncio")?.getattr("get_running_loop")?.unbind())
    })?;
    running_loop.bind(py).call0()
}

/// Returns the queue of a loop that runs on this thread, making it when there is none.
fn queue_of(event_loop: &Bound<'_, PyAny>) -> PyResult<Py<LoopQueue>> {
    let py = event_loop.py();
    let known = QUEUES.with_borrow(|queues| {
        let mut queues = queues.iter().map(|queue| queue.get());
        queues.position(|queue| queue.event_loop.is(event_loop) && !queue.stamp.is_stale())
    });
    if let Some(place) = known {
        return Ok(QUEUES.with_borrow(|queues| queues[place].clone_ref(py)));
    }
    let queue = LoopQueue::watched_by(event_loop)?;
    let others = QUEUES.take();
    let is_open = |queue: &Py<LoopQueue>| {
        let closed = queue.get().event_loop.call_method0(py, intern!(py, "is_closed"));
        !queue.get().stamp.is_stale()
            && closed.and_then(|closed| closed.is_truthy(py)).is_ok_and(|closed| !closed)
    };
    let mut open: Vec<_> = others.into_iter().filter(is_open).collect();
    open.push(queue.clone_ref(py));
    QUEUES.set(open);
    Ok(queue)
}

impl LoopQueue {
    fn watched_by(event_loop: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        let py = event_loop.py();
        let (inbox, outbox) = UnixStream::pair()?;
        inbox.set_nonblocking(true)?;
        outbox.set_nonblocking(true)?;
        let stamp = ForkGeneration::current();
        let descriptor = inbox.as_raw_fd();
        let queue = Self {
            event_loop: event_loop.clone().unbind(),
            arrivals: Arc::new(Arrivals { numbers: Mutex::default(), outbox, stamp }),
            inbox,
            waiting: Mutex::default(),
            last_number: AtomicU64::new(0),
            stamp,
        };
        let queue = Py::new(py, queue)?;
        let deliver = queue.bind(py).getattr(intern!(py, "deliver"))?;
        event_loop.call_method1(intern!(py, "add_reader"), (descriptor, deliver))?;
        Ok(queue)
    }

    /// Looks how far a call has come; its future is settled, or it goes on waiting.
    fn poll(&self, py: Python<'_>, number: u64, mut waiting: Waiting) -> PyResult<()> {
        let bell = Waker::from(Arc::new(Bell { arrivals: self.arrivals.clone(), number }));
        let call = &mut waiting.call;
        // The engine may look into its embedded store now, which may read from a disk.
        let polled = detached(py, || {
            let poll = || call.as_mut().poll(&mut Context::from_waker(&bell));
            catch_unwind(AssertUnwindSafe(poll))
        });
        let outcome = match polled {
            Ok(Poll::Pending) => {
                self.waiting.lock().insert(number, waiting);
                return Ok(());
            }
            Ok(Poll::Ready(outcome)) => outcome,
            Err(_) => Err(Error::new(ErrorKind::Internal, "a lookup panicked, which is a defect of bigseg")),
        };
        settle(py, &waiting.future, outcome)
    }
}

#[pymethods]
impl LoopQueue {
    /// Called by the loop when a byte has arrived.
    fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        if self.stamp.is_stale() {
            return Ok(());
        }
        // Before the list is taken: a byte that is written after that must not be lost.
        while (&self.inbox).read(&mut [0; 64]).is_ok_and(|length| length == 64) {}
        let numbers = std::mem::take(&mut *self.arrivals.numbers.lock());
        for number in numbers {
            let waiting = self.waiting.lock().remove(&number);
            let Some(waiting) = waiting else { continue };
            let is_done = waiting.future.call_method0(py, intern!(py, "done"))?.is_truthy(py)?;
            // Whoever waited was cancelled, unless there is still something to be told.
            if !is_done {
                self.poll(py, number, waiting)?;
            }
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        let Some(waiting) = self.waiting.try_lock() else { return Ok(()) };
        waiting.values().try_for_each(|waiting| visit.call(&waiting.future))
    }
}

impl Drop for LoopQueue {
    fn drop(&mut self) {
        if self.stamp.is_stale() {
            // Calls that were under way at `fork` hang on timers of threads that do not exist in this process.
            std::mem::forget(std::mem::take(self.waiting.get_mut()));
        }
    }
}

fn settle(py: Python<'_>, future: &Py<PyAny>, outcome: Outcome) -> PyResult<()> {
    let object = match outcome {
        Ok(object) => object(py),
        Err(e) => Err(raised(py, &e)),
    };
    match object {
        Ok(object) => future.call_method1(py, intern!(py, "set_result"), (object,))?,
        Err(exception) => future.call_method1(py, intern!(py, "set_exception"), (exception,))?,
    };
    Ok(())
}
