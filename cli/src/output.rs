//! What goes to standard output, and how it is dressed.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use bigseg_core::{Error, LookupStatus, Origin};
use serde::Serialize;

pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Returns the colour of a lookup status.
pub(crate) fn status_style(status: LookupStatus) -> Style {
    match status {
        LookupStatus::Healthy => GOOD,
        LookupStatus::Stale => DOUBTFUL,
        LookupStatus::StoreError | LookupStatus::NotConfigured => BAD,
    }
}

/// Returns the word for where an answer comes from.
pub(crate) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Store => "store",
        Origin::Cache { .. } => "cache",
        Origin::LastKnown { .. } => "last_known",
        Origin::Nothing => "nothing",
    }
}

/// Prints a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    io::stdout().write_all(&line)
}

/// Makes text from a store safe for a terminal: whoever wrote it may have put control characters there.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    match text.chars().any(char::is_control) {
        true => text.escape_debug().to_string().into(),
        false => text.into(),
    }
}

/// Writes a number of things with thousands separated.
pub(crate) fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// Prints one line of plain text.
pub(crate) fn line(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// An error as JSON shows it.
#[derive(Serialize)]
pub(crate) struct ErrorShown<'a> {
    kind: &'static str,
    message: &'a str,
}

impl<'a> From<&'a Error> for ErrorShown<'a> {
    fn from(error: &'a Error) -> Self {
        Self { kind: error.kind().name(), message: error.message() }
    }
}
