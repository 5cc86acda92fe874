//! Log records of the engine, for Python's logger `bigseg`.
//!
//! A Python handler may be slow, and may call the engine. Therefore records are queued, and
//! delivered by a thread that may block.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicPtr, Ordering};

use ::log::{Level, LevelFilter, Log, Metadata, Record};
use bigseg::__internal::runtime::Runtime;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::gil::with_gil;

/// The maximal number of queued records; beyond it the oldest are dropped.
const MAX_QUEUED: usize = 1_000;

#[derive(Default)]
struct Queue {
    records: VecDeque<(Level, String)>,
    is_being_delivered: bool,
}

/// The queue of this process. A forked child gets a new one, because a thread of its parent may
/// hold the lock of the old one.
static QUEUE: AtomicPtr<Mutex<Queue>> = AtomicPtr::new(std::ptr::null_mut());

/// The scheduled delivery of a queue; dropped when it cannot run.
struct Delivery(&'static Mutex<Queue>);

impl Drop for Delivery {
    fn drop(&mut self) {
        self.0.lock().is_being_delivered = false;
    }
}

struct Logger;

/// Installs the logger of the engine.
pub(crate) fn register() {
    reset_queue();
    // Fails when the module is imported a second time.
    if ::log::set_logger(&Logger).is_ok() {
        ::log::set_max_level(LevelFilter::Debug);
    }
}

/// Starts with an empty queue; the previous queue is leaked.
pub(crate) fn reset_queue() {
    QUEUE.store(Box::into_raw(Box::default()), Ordering::Release);
}

fn queue() -> &'static Mutex<Queue> {
    // SAFETY: the queue is set before the logger, and no queue is ever freed.
    unsafe { &*QUEUE.load(Ordering::Acquire) }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Records of other crates may contain secrets.
        metadata.target().starts_with("bigseg")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let must_schedule = {
            let mut queue = queue().lock();
            if queue.records.len() >= MAX_QUEUED {
                queue.records.pop_front();
            }
            queue.records.push_back((record.level(), record.args().to_string()));
            !std::mem::replace(&mut queue.is_being_delivered, true)
        };
        if must_schedule {
            let delivery = Delivery(queue());
            // Without a thread, or after the engine is gone, the queue is delivered by the next
            // record, by `close`, or at exit.
            if let Ok(runtime) = Runtime::shared() {
                drop(runtime.run_blocking(move || {
                    if with_gil(deliver).is_some() {
                        std::mem::forget(delivery);
                    }
                }));
            }
        }
    }

    fn flush(&self) {}
}

/// Delivers every queued record.
pub(crate) fn deliver(py: Python<'_>) {
    loop {
        let record = {
            let mut queue = queue().lock();
            let record = queue.records.pop_front();
            // Under the same lock, so that no record is queued between the two steps and stays.
            queue.is_being_delivered = record.is_some();
            record
        };
        let Some((level, message)) = record else { return };
        emit(py, level, &message, None);
    }
}

/// Logs an exception that no caller can receive.
pub(crate) fn exception(py: Python<'_>, message: &str, exception: &PyErr) {
    emit(py, Level::Error, message, Some(exception));
}

fn emit(py: Python<'_>, level: Level, message: &str, exception: Option<&PyErr>) {
    static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let logger = LOGGER.get_or_try_init(py, || -> PyResult<_> {
        Ok(py.import("logging")?.call_method1("getLogger", ("bigseg",))?.unbind())
    });
    let level = match level {
        Level::Error => 40,
        Level::Warn => 30,
        Level::Info => 20,
        Level::Debug | Level::Trace => 10,
    };
    let emitted = logger.and_then(|logger| {
        let keywords = PyDict::new(py);
        keywords.set_item("exc_info", exception.map(|exception| exception.value(py)))?;
        // The message is an argument, so that a % in it is not a format.
        logger.call_method(py, "log", (level, "%s", message), Some(&keywords))
    });
    if let Err(e) = emitted {
        e.write_unraisable(py, None);
    }
}
