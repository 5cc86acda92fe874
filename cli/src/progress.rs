//! Progress on standard error: a bar with rate and time left on a terminal, nothing anywhere else.

use std::fmt;
use std::io::Read;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

const BYTES: &str =
    "{msg} [{bar:32.cyan}] {percent:>3}%  {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
const BYTES_SO_FAR: &str = "{msg} {spinner} {bytes}, {bytes_per_sec}";
const THINGS: &str = "{msg} [{bar:32.cyan}] {percent:>3}%  {human_pos} of {human_len}, {rate}, {eta} left";
const THINGS_SO_FAR: &str = "{msg} {spinner} {human_pos}, {rate}";

/// One bar; it disappears when it is done.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Counts bytes, up to a total if it is known.
    pub(crate) fn of_bytes(message: &'static str, total: Option<u64>, quiet: bool) -> Self {
        Self::new(message, if total.is_some() { BYTES } else { BYTES_SO_FAR }, total, quiet)
    }

    /// Counts things, up to a total if it is known.
    pub(crate) fn of_things(message: &'static str, total: Option<u64>, quiet: bool) -> Self {
        Self::new(message, if total.is_some() { THINGS } else { THINGS_SO_FAR }, total, quiet)
    }

    fn new(message: &'static str, template: &str, total: Option<u64>, quiet: bool) -> Self {
        // Standard error that is no terminal hides itself.
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
        let bar = ProgressBar::with_draw_target(total, target);
        bar.set_style(style.progress_chars("=> ").with_key("rate", write_rate));
        bar.set_message(message);
        Self(bar)
    }

    /// Counts what is read through the result.
    pub(crate) fn reading<R: Read>(&self, read: R) -> impl Read + use<R> {
        self.0.wrap_read(read)
    }

    /// Moves to a position.
    pub(crate) fn set(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Prints a line on standard error, above the bar.
    pub(crate) fn note(&self, line: &str) {
        self.0.suspend(|| anstream::eprintln!("{line}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Writes a rate in whole things.
fn write_rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // The bar is drawn without it if it cannot be written.
    let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
}
