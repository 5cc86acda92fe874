//! Shows the engine's log lines on standard error.

use log::{LevelFilter, Log, Metadata, Record};

struct Logger;

impl Log for Logger {
    /// Not what the evaluation of rules has to say: it may show a context's attributes.
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

/// Starts showing them; `verbose` counts how often the user asked for it.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::Off,
        1 => LevelFilter::Info,
        _ => LevelFilter::Trace,
    };
    log::set_max_level(level);
    // Fails only when there is a logger already, and there is not.
    let _ = log::set_logger(&Logger);
}
