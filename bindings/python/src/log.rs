//! What the engine has to say, handed to Python's `logging` under the name `bigseg`.
//!
//! Handlers are foreign code, which may be slow, and may come back to the engine: so lines are queued, and handed over on a
//! thread that may block.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicPtr, Ordering};

use ::log::{Level, LevelFilter, Log, Metadata, Record};
use bigseg_core::runtime::Runtime;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::gil::enter;

/// How many lines wait at most; beyond, the oldest are dropped.
const MOST_LINES: usize = 1_000;

#[derive(Default)]
struct Queue {
    lines: VecDeque<(Level, String)>,
    is_being_delivered: bool,
}

/// The queue of this process. A forked child gets one of its own: a thread may have held the lock that exists no more.
static QUEUE: AtomicPtr<Mutex<Queue>> = AtomicPtr::new(std::ptr::null_mut());

/// The duty to deliver what waits in a queue; dropped when it was not done.
struct Delivery(&'static Mutex<Queue>);

impl Drop for Delivery {
    fn drop(&mut self) {
        self.0.lock().is_being_delivered = false;
    }
}

struct Logger;

/// Makes this the logger of the engine.
pub(crate) fn register() {
    start_anew();
    // Fails when the module is imported a second time.
    if ::log::set_logger(&Logger).is_ok() {
        ::log::set_max_level(LevelFilter::Debug);
    }
}

/// Begins with an empty queue; the one before is given up.
pub(crate) fn start_anew() {
    QUEUE.store(Box::into_raw(Box::default()), Ordering::Release);
}

fn queue() -> &'static Mutex<Queue> {
    // SAFETY: it is set before the logger is, and no queue is ever freed.
    unsafe { &*QUEUE.load(Ordering::Acquire) }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries that we use have their own things to say, and do not keep our promises about secrets.
        metadata.target().starts_with("bigseg")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let is_first = {
            let mut queue = queue().lock();
            if queue.lines.len() >= MOST_LINES {
                queue.lines.pop_front();
            }
            queue.lines.push_back((record.level(), record.args().to_string()));
            !std::mem::replace(&mut queue.is_being_delivered, true)
        };
        if is_first {
            let delivery = Delivery(queue());
            // Where no thread can be had, and where the engine goes before one comes to it, what waits is handed over by
            // the next line, by `close`, or at exit.
            if let Ok(runtime) = Runtime::shared() {
                drop(runtime.run_blocking(move || {
                    if enter(deliver).is_some() {
                        std::mem::forget(delivery);
                    }
                }));
            }
        }
    }

    fn flush(&self) {}
}

/// Hands over every line that waits.
pub(crate) fn deliver(py: Python<'_>) {
    loop {
        let line = {
            let mut queue = queue().lock();
            let line = queue.lines.pop_front();
            // Under the same lock, or a line could come in between and stay.
            queue.is_being_delivered = line.is_some();
            line
        };
        let Some((level, message)) = line else { return };
        say(py, level, &message, None);
    }
}

/// Reports an exception that has no caller.
pub(crate) fn exception(py: Python<'_>, message: &str, exception: &PyErr) {
    say(py, Level::Error, message, Some(exception));
}

fn say(py: Python<'_>, level: Level, message: &str, exception: Option<&PyErr>) {
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
    let said = logger.and_then(|logger| {
        let words = PyDict::new(py);
        words.set_item("exc_info", exception.map(|exception| exception.value(py)))?;
        // The message is an argument, so that a % in it stays one.
        logger.call_method(py, "log", (level, "%s", message), Some(&words))
    });
    if let Err(e) = said {
        e.write_unraisable(py, None);
    }
}
