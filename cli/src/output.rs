//! Writes to standard output: JSON, plain lines, and the styles of tables.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use bigseg::{Error, LookupStatus, Origin};
use serde::Serialize;

pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Returns the colour of a lookup status.
pub(crate) fn status_style(status: LookupStatus) -> Style {
    match status {
        LookupStatus::Healthy => GOOD,
        LookupStatus::Stale => WARN,
        LookupStatus::StoreError | LookupStatus::NotConfigured => BAD,
    }
}

/// Returns the name of an answer's origin, as JSON shows it.
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

/// Escapes control characters: text from a store is untrusted and must not control the terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) { text.escape_debug().to_string().into() } else { text.into() }
}

/// Formats a number with thousands separators.
pub(crate) fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// Prints one line of plain text.
pub(crate) fn line(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// The JSON of an error.
#[derive(Serialize)]
pub(crate) struct ErrorJson<'a> {
    kind: &'static str,
    message: &'a str,
}

impl<'a> From<&'a Error> for ErrorJson<'a> {
    fn from(error: &'a Error) -> Self {
        Self { kind: error.kind().name(), message: error.message() }
    }
}
