//! Prints the engine's log lines to standard error.

use log::{LevelFilter, Log, Metadata, Record};

struct Logger;

impl Log for Logger {
    /// Drops the lines of the evaluation crate: they may hold attributes of a context.
    fn enabled(&self, metadata: &Metadata) -> bool {
        !metadata.target().starts_with("launchdarkly")
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = record.level().as_str().to_ascii_lowercase();
        anstream::eprintln!("bigseg: {level}: {}", record.args());
    }

    fn flush(&self) {}
}

/// Installs the logger; `verbose` is the number of `-v` options.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::Off,
        1 => LevelFilter::Info,
        _ => LevelFilter::Trace,
    };
    log::set_max_level(level);
    // Fails only if a logger is installed already, and none is.
    let _ = log::set_logger(&Logger);
}
