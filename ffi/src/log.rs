//! Log
//!
//! What the library has to say to an operator: changes of state once, not each retry, and never a context key or a
//! password. By default nothing is said.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Once;

use bigseg_core::Result;
use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::RwLock;

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, invalid};
use crate::text::bigseg_str;
use crate::userdata::{Userdata, bigseg_destroy};

/// How serious a line is; as a limit, what is at least as serious is logged.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_log_level {
    /// Nothing; a limit only.
    BIGSEG_LOG_OFF = 0,
    /// Something a person must act on.
    BIGSEG_LOG_ERROR = 1,
    /// Something that may become a problem.
    BIGSEG_LOG_WARN = 2,
    /// A change of state.
    BIGSEG_LOG_INFO = 3,
    /// What helps to find a fault.
    BIGSEG_LOG_DEBUG = 4,
}

/// A level that comes from C, where it may be any number. The header calls it `bigseg_log_level` too.
pub(crate) type given_level = u32;

/// Hears a line, which is borrowed until the callback returns.
///
/// Called on whichever thread has something to say, the program's own or one of the library's, several at once. It
/// must be quick, and must not call `bigseg_log_set`; what is said while it runs, on the same thread, is dropped.
pub type bigseg_log_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, level: bigseg_log_level, message: bigseg_str)>;

/// Says where the lines of the whole process go, and how serious they must be. Takes the place of what was set before,
/// whose callback does not run any more when this returns, and whose `userdata` is destroyed. A NULL callback, or
/// `BIGSEG_LOG_OFF`, turns the log off.
///
/// Blocks while the callback that was set before runs.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` for a number that is no level, and from inside a log callback. `userdata` is
/// destroyed then too.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_log_set(
    level: given_level,
    callback: bigseg_log_callback,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    guard(error, || {
        let limit = limit(level)?;
        if INSIDE.get() {
            return Err(invalid("the log cannot be set from inside its own callback"));
        }
        let sink = callback.filter(|_| limit != LevelFilter::Off).map(|callback| Sink { callback, userdata });
        static REGISTER: Once = Once::new();
        REGISTER.call_once(|| {
            // Fails only if this process has registered another logger in our own copy of the facade: nobody can.
            let _ = log::set_logger(&LOGGER);
        });
        log::set_max_level(if sink.is_some() { limit } else { LevelFilter::Off });
        let before = std::mem::replace(&mut *LOGGER.0.write(), sink);
        // Outside the lock, because `destroy` is foreign.
        drop(before);
        Ok(())
    })
}

struct Sink {
    callback: unsafe extern "C" fn(*mut c_void, bigseg_log_level, bigseg_str),
    userdata: Userdata,
}

struct Logger(RwLock<Option<Sink>>);

static LOGGER: Logger = Logger(RwLock::new(None));

thread_local! {
    /// Whether this thread is inside the callback.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries that we use have their own things to say, and do not keep our promises about secrets.
        metadata.target().starts_with("bigseg")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || INSIDE.get() {
            return;
        }
        let message = record.args().to_string();
        // Recursive: the callback may make another thread log while a third one waits to replace it.
        let sink = self.0.read_recursive();
        let Some(sink) = &*sink else { return };
        INSIDE.set(true);
        // SAFETY: the host gave function and userdata together, and the lock keeps them.
        unsafe { (sink.callback)(sink.userdata.get(), level_of(record.level()), bigseg_str::of(&message)) };
        INSIDE.set(false);
    }

    fn flush(&self) {}
}

fn limit(level: given_level) -> Result<LevelFilter> {
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
    .ok_or_else(|| invalid(format!("level is {level}, which is no bigseg_log_level")))
}

fn level_of(level: log::Level) -> bigseg_log_level {
    match level {
        log::Level::Error => bigseg_log_level::BIGSEG_LOG_ERROR,
        log::Level::Warn => bigseg_log_level::BIGSEG_LOG_WARN,
        log::Level::Info => bigseg_log_level::BIGSEG_LOG_INFO,
        log::Level::Debug | log::Level::Trace => bigseg_log_level::BIGSEG_LOG_DEBUG,
    }
}
