//! Log
//!
//! The library logs state changes for an operator: each change once, not each retry, and never a
//! context key or a password. By default it logs nothing.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Once;

use bigseg::Result;
use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::RwLock;

use crate::callback::{Userdata, bigseg_destroy};
use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, invalid};
use crate::text::bigseg_str;

/// The level of a log line. As a limit, it includes all more severe levels.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_log_level {
    /// Logs nothing; only valid as a limit.
    BIGSEG_LOG_OFF = 0,
    /// A problem that a person must act on.
    BIGSEG_LOG_ERROR = 1,
    /// An event that may become a problem.
    BIGSEG_LOG_WARN = 2,
    /// A change of state.
    BIGSEG_LOG_INFO = 3,
    /// Details for finding a defect.
    BIGSEG_LOG_DEBUG = 4,
}

/// A level that the host passes, which can be any number; the header shows `bigseg_log_level`.
pub(crate) type raw_level = u32;

/// Called with a log line, which is borrowed until the callback returns.
///
/// It runs on the thread that logs, which can be any thread of the program or the library, and
/// concurrently on several threads. It must be fast, and must not call `bigseg_log_set`. Lines that
/// are logged from inside the callback are dropped.
pub type bigseg_log_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, level: bigseg_log_level, message: bigseg_str)>;

/// Sets the log callback of the whole process, and the limit of the level. When this returns, the
/// previous callback is not running and will not run again, and its `userdata` is destroyed. A NULL
/// callback, or `BIGSEG_LOG_OFF`, disables logging.
///
/// Blocks while the previous callback runs.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` for an unknown level, and from inside a log callback. If this
/// call fails, `userdata` is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_log_set(
    level: raw_level,
    callback: bigseg_log_callback,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    guard(error, || {
        let limit = limit(level)?;
        if IN_CALLBACK.get() {
            return Err(invalid("the log cannot be set from inside its own callback"));
        }
        let sink =
            callback.filter(|_| limit != LevelFilter::Off).map(|callback| LogSink { callback, userdata });
        static REGISTER: Once = Once::new();
        REGISTER.call_once(|| {
            // Fails only if another logger is registered in this library's copy of `log`, which is
            // impossible.
            let _ = log::set_logger(&LOGGER);
        });
        log::set_max_level(if sink.is_some() { limit } else { LevelFilter::Off });
        let before = std::mem::replace(&mut *LOGGER.0.write(), sink);
        // Outside the lock: `destroy` is code of the host.
        drop(before);
        Ok(())
    })
}

struct LogSink {
    callback: unsafe extern "C" fn(*mut c_void, bigseg_log_level, bigseg_str),
    userdata: Userdata,
}

struct Logger(RwLock<Option<LogSink>>);

static LOGGER: Logger = Logger(RwLock::new(None));

thread_local! {
    /// Whether this thread runs the callback.
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The lines of other crates may contain secrets.
        metadata.target().starts_with("bigseg")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || IN_CALLBACK.get() {
            return;
        }
        let message = record.args().to_string();
        // Recursive: the callback can wait for a thread that logs, while another thread waits to
        // replace the callback.
        let sink = self.0.read_recursive();
        let Some(sink) = &*sink else { return };
        IN_CALLBACK.set(true);
        // SAFETY: the host passed function and userdata together, and the lock keeps them alive.
        unsafe { (sink.callback)(sink.userdata.get(), level_of(record.level()), bigseg_str::of(&message)) };
        IN_CALLBACK.set(false);
    }

    fn flush(&self) {}
}

fn limit(level: raw_level) -> Result<LevelFilter> {
    use bigseg_log_level::*;
    [
        (BIGSEG_LOG_OFF, LevelFilter::Off),
        (BIGSEG_LOG_ERROR, LevelFilter::Error),
        (BIGSEG_LOG_WARN, LevelFilter::Warn),
        (BIGSEG_LOG_INFO, LevelFilter::Info),
        (BIGSEG_LOG_DEBUG, LevelFilter::Debug),
    ]
    .into_iter()
    .find_map(|(known, limit)| (known as u32 == level).then_some(limit))
    .ok_or_else(|| invalid(format!("level is {level}, which is not a bigseg_log_level")))
}

fn level_of(level: log::Level) -> bigseg_log_level {
    match level {
        log::Level::Error => bigseg_log_level::BIGSEG_LOG_ERROR,
        log::Level::Warn => bigseg_log_level::BIGSEG_LOG_WARN,
        log::Level::Info => bigseg_log_level::BIGSEG_LOG_INFO,
        log::Level::Debug | log::Level::Trace => bigseg_log_level::BIGSEG_LOG_DEBUG,
    }
}
