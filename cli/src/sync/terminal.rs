//! The view on a terminal: a row for each integration, drawn anew as time goes by.

use std::io::{self, Write};
use std::sync::Arc;

use bigseg_core::integration::{Integration, IntegrationState};

use super::log_lines::words;
use crate::output::{BAD, FAINT, GOOD, HEADING, WARN, printable};
use crate::table::{Cell, Table};
use crate::timestamp;

/// A screen of its own, so that what was there before is there again afterwards.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const CLEAR: &str = "\x1b[H\x1b[J";

/// The view; the terminal is as before when it is dropped.
pub(super) struct TerminalView {
    note: Option<String>,
    last: String,
}

impl TerminalView {
    pub(super) fn open() -> Self {
        raw(ENTER);
        Self { note: None, last: String::new() }
    }

    /// Shows a message below the table until the next one.
    pub(super) fn note(&mut self, message: String) {
        self.note = Some(message);
    }

    /// Draws the rows, if anything in them has changed.
    pub(super) fn draw(&mut self, integrations: &[Arc<Integration>]) -> io::Result<()> {
        let mut drawn = Vec::new();
        table(integrations).print(&mut drawn)?;
        let mut drawn = String::from_utf8_lossy(&drawn).into_owned();
        drawn.push_str(&format!("\n{FAINT}Ctrl-C ends it{FAINT:#}\n"));
        if let Some(note) = &self.note {
            drawn.push_str(&format!("{}\n", note.lines().map(printable).collect::<Vec<_>>().join("\n")));
        }
        if drawn != self.last {
            raw(CLEAR);
            let mut out = anstream::stdout().lock();
            out.write_all(drawn.as_bytes())?;
            out.flush()?;
            self.last = drawn;
        }
        Ok(())
    }
}

impl Drop for TerminalView {
    fn drop(&mut self) {
        raw(LEAVE);
    }
}

/// Writes what moves the cursor, whatever is thought of colours.
fn raw(text: &str) {
    let mut out = io::stdout().lock();
    // A terminal that is gone is noticed when the table is drawn.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn table(integrations: &[Arc<Integration>]) -> Table {
    let mut table = Table::new();
    let heads = ["name", "project", "environment", "state", "last successful sync"];
    table.push(heads.map(|head| Cell::styled(head, HEADING)));
    for integration in integrations {
        let (definition, status) = (integration.definition(), integration.status());
        let style = match status.state {
            IntegrationState::Healthy => GOOD,
            IntegrationState::Failing => BAD,
            IntegrationState::Initializing => WARN,
            _ => FAINT,
        };
        table.push([
            Cell::text(printable(&definition.name)),
            Cell::text(printable(&definition.project)),
            Cell::text(printable(&definition.environment)),
            Cell::styled(words(&status), style),
            Cell::text(timestamp::last_up_to_date(status.last_synchronized)),
        ]);
    }
    table
}
