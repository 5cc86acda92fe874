//! Log records of the library, for the log listeners of every JavaScript environment in this
//! process.

use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use bigseg::{Error, ErrorKind};
use log::{Level, LevelFilter, Log, Metadata, Record};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use parking_lot::RwLock;

use crate::error::{Result, to_js_error};
use crate::js_call::JsCall;
use crate::tsfn_queue::{Consumer, Message, Queue};

/// The names of the levels, the most serious first.
const LEVELS: [(&str, LevelFilter); 4] = [
    ("error", LevelFilter::Error),
    ("warn", LevelFilter::Warn),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
];

/// One log record.
struct LogRecord {
    level: Level,
    text: String,
}

impl Message for LogRecord {
    /// Limits the memory of a thread that is busy for long.
    const CAPACITY: usize = 1_000;
}

/// A log listener.
struct Listener {
    id: u32,
    limit: LevelFilter,
    queue: Arc<Queue<LogRecord>>,
}

static LISTENERS: RwLock<Vec<Listener>> = RwLock::new(Vec::new());

/// Adds a listener for the log records of the whole process, up to a level.
///
/// Calls `receiver.deliver(level, text)` for each record. Returns the id of the listener.
#[napi]
pub fn add_log_listener(env: Env, level: String, receiver: Object<'_>) -> Result<u32> {
    static REGISTER: Once = Once::new();
    static NEXT_ID: AtomicU32 = AtomicU32::new(0);
    let known = LEVELS.iter().find(|(name, _)| *name == level).ok_or_else(|| {
        let message = "a level is \"error\", \"warn\", \"info\" or \"debug\"";
        to_js_error(&Error::new(ErrorKind::InvalidArgument, message))
    })?;
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let queue = Arc::new(Queue::default());
    queue.open(env, &receiver, LogConsumer { id })?;
    REGISTER.call_once(|| {
        // Cannot fail: this library has its own copy of the logging facade.
        let _ = log::set_logger(&Logger);
    });
    change(|listeners| listeners.push(Listener { id, limit: known.1, queue }));
    Ok(id)
}

/// Removes a listener; nothing is delivered to it afterwards.
#[napi]
pub fn remove_log_listener(id: u32) {
    for listener in
        change(|listeners| listeners.extract_if(.., |listener| listener.id == id).collect::<Vec<_>>())
    {
        listener.queue.close();
    }
}

/// Changes the listeners, and sets the level of the logger to the highest of theirs.
fn change<T>(change: impl FnOnce(&mut Vec<Listener>) -> T) -> T {
    let mut listeners = LISTENERS.write();
    let changed = change(&mut listeners);
    let limit = listeners.iter().map(|listener| listener.limit).max();
    log::set_max_level(limit.unwrap_or(LevelFilter::Off));
    changed
}

/// Delivers log records to one listener; dropped when it is removed or the environment ends.
struct LogConsumer {
    id: u32,
}

impl Consumer for LogConsumer {
    type Message = LogRecord;

    fn consume(&self, js: &JsCall, record: LogRecord) -> napi::Result<()> {
        let filter = record.level.to_level_filter();
        let name = LEVELS.iter().find(|(_, limit)| *limit >= filter).map_or("debug", |(name, _)| name);
        js.call(&[js.value(name)?, js.value(record.text)?])
    }
}

impl Drop for LogConsumer {
    fn drop(&mut self) {
        change(|listeners| listeners.retain(|listener| listener.id != self.id));
    }
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Records of other crates may contain secrets.
        metadata.target().starts_with("bigseg")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = record.level();
        let text = record.args().to_string();
        for listener in LISTENERS.read().iter().filter(|listener| level <= listener.limit) {
            listener.queue.push(LogRecord { level, text: text.clone() });
        }
    }

    fn flush(&self) {}
}
