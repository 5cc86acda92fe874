//! What the library has to say to an operator, on its way to the listeners of every environment in this process.

use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use bigseg_core::{Error, ErrorKind};
use log::{Level, LevelFilter, Log, Metadata, Record};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use parking_lot::RwLock;

use crate::error::{Result, raised};
use crate::js_call::Courier;
use crate::tsfn_queue::{Mail, Mailbox, Recipient};

/// The names of the levels, the most serious first.
const LEVELS: [(&str, LevelFilter); 4] = [
    ("error", LevelFilter::Error),
    ("warn", LevelFilter::Warn),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
];

/// One line.
struct Line {
    level: Level,
    text: String,
}

impl Mail for Line {
    /// A thread that is busy for long is not to hoard them.
    const MOST: usize = 1_000;
}

/// Somebody who listens.
struct Listener {
    number: u32,
    limit: LevelFilter,
    mailbox: Arc<Mailbox<Line>>,
}

static LISTENERS: RwLock<Vec<Listener>> = RwLock::new(Vec::new());

/// Begins to hear the lines of the whole process that are at least as serious as `level`; `receiver.deliver(level, text)` is
/// called for each. Returns the listener's number.
#[napi]
pub fn add_log_listener(env: Env, level: String, receiver: Object<'_>) -> Result<u32> {
    static REGISTER: Once = Once::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let known = LEVELS.iter().find(|(name, _)| *name == level).ok_or_else(|| {
        let message = "a level is \"error\", \"warn\", \"info\" or \"debug\"";
        raised(&Error::new(ErrorKind::InvalidArgument, message))
    })?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mailbox = Arc::new(Mailbox::default());
    mailbox.open(env, &receiver, Lines { number })?;
    REGISTER.call_once(|| {
        // Fails only if somebody has registered another logger in our own copy of the facade: nobody can.
        let _ = log::set_logger(&Logger);
    });
    change(|listeners| listeners.push(Listener { number, limit: known.1, mailbox }));
    Ok(number)
}

/// Ends that; nothing is delivered afterwards.
#[napi]
pub fn remove_log_listener(number: u32) {
    for listener in
        change(|listeners| listeners.extract_if(.., |one| one.number == number).collect::<Vec<_>>())
    {
        listener.mailbox.close();
    }
}

/// Changes who listens, and how much is said from then on.
fn change<T>(change: impl FnOnce(&mut Vec<Listener>) -> T) -> T {
    let mut listeners = LISTENERS.write();
    let changed = change(&mut listeners);
    let limit = listeners.iter().map(|listener| listener.limit).max();
    log::set_max_level(limit.unwrap_or(LevelFilter::Off));
    changed
}

/// Takes lines to JavaScript. It goes when nobody wants them any more, or when the environment ends.
struct Lines {
    number: u32,
}

impl Recipient for Lines {
    type Mail = Line;

    fn pass_on(&self, courier: &Courier, line: Line) -> napi::Result<()> {
        let filter = line.level.to_level_filter();
        let name = LEVELS.iter().find(|(_, limit)| *limit >= filter).map_or("debug", |(name, _)| name);
        courier.call(&[courier.make(name)?, courier.make(line.text)?])
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        change(|listeners| listeners.retain(|listener| listener.number != self.number));
    }
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries that we use have their own things to say, and do not keep our promises about secrets.
        metadata.target().starts_with("bigseg")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = record.level();
        let text = record.args().to_string();
        for listener in LISTENERS.read().iter().filter(|listener| level <= listener.limit) {
            listener.mailbox.post(Line { level, text: text.clone() });
        }
    }

    fn flush(&self) {}
}
