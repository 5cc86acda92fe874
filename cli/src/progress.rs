//! Progress on standard error: a bar with rate and remaining time on a terminal, nothing elsewhere.

use std::fmt;
use std::io::Read;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

const BYTES: &str =
    "{msg} [{bar:32.cyan}] {percent:>3}%  {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
const BYTES_SO_FAR: &str = "{msg} {spinner} {bytes}, {bytes_per_sec}";
const ITEMS: &str = "{msg} [{bar:32.cyan}] {percent:>3}%  {human_pos} of {human_len}, {rate}, {eta} left";
const ITEMS_SO_FAR: &str = "{msg} {spinner} {human_pos}, {rate}";

/// One progress bar; dropping it clears it.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Creates a bar that counts bytes, up to a total if it is known.
    pub(crate) fn of_bytes(message: &'static str, total: Option<u64>, quiet: bool) -> Self {
        Self::new(message, if total.is_some() { BYTES } else { BYTES_SO_FAR }, total, quiet)
    }

    /// Creates a bar that counts items, up to a total if it is known.
    pub(crate) fn of_items(message: &'static str, total: Option<u64>, quiet: bool) -> Self {
        Self::new(message, if total.is_some() { ITEMS } else { ITEMS_SO_FAR }, total, quiet)
    }

    fn new(message: &'static str, template: &str, total: Option<u64>, quiet: bool) -> Self {
        // indicatif draws nothing if standard error is not a terminal.
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
        let bar = ProgressBar::with_draw_target(total, target);
        bar.set_style(style.progress_chars("=> ").with_key("rate", write_rate));
        bar.set_message(message);
        Self(bar)
    }

    /// Wraps a reader; the bar counts the bytes read through it.
    pub(crate) fn wrap_read<R: Read>(&self, read: R) -> impl Read + use<R> {
        self.0.wrap_read(read)
    }

    /// Sets the position.
    pub(crate) fn set_position(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Prints a line on standard error, above the bar.
    pub(crate) fn println(&self, line: &str) {
        self.0.suspend(|| anstream::eprintln!("{line}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Writes the rate in whole items per second.
fn write_rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // On an error, the bar is drawn without the rate.
    let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
}
