//! The view on a terminal: a row for each integration, redrawn when it changes.

use std::io::{self, Write};
use std::sync::Arc;

use bigseg::integration::{Integration, IntegrationState};

use super::log_lines::summary;
use crate::output::{BAD, FAINT, GOOD, HEADING, WARN, printable};
use crate::table::{Cell, Table};
use crate::timestamp;

/// Switches to the alternate screen, so that the previous content is restored afterwards.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const CLEAR: &str = "\x1b[H\x1b[J";

/// The view; dropping it restores the terminal.
pub(super) struct TerminalView {
    message: Option<String>,
    /// What was drawn last.
    drawn: String,
}

impl TerminalView {
    pub(super) fn open() -> Self {
        write_control(ENTER);
        Self { message: None, drawn: String::new() }
    }

    /// Shows a message below the table until the next one.
    pub(super) fn show_message(&mut self, message: String) {
        self.message = Some(message);
    }

    /// Draws the rows and the message, if anything in them has changed.
    pub(super) fn draw(&mut self, integrations: &[Arc<Integration>]) -> io::Result<()> {
        let mut rows = Vec::new();
        table(integrations).print(&mut rows)?;
        let mut text = String::from_utf8_lossy(&rows).into_owned();
        text.push_str(&format!("\n{FAINT}Ctrl-C ends it{FAINT:#}\n"));
        if let Some(message) = &self.message {
            let lines: Vec<_> = message.lines().map(printable).collect();
            text.push_str(&format!("{}\n", lines.join("\n")));
        }
        if text != self.drawn {
            write_control(CLEAR);
            let mut out = anstream::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
            self.drawn = text;
        }
        Ok(())
    }
}

impl Drop for TerminalView {
    fn drop(&mut self) {
        write_control(LEAVE);
    }
}

/// Writes a control sequence, even if colours are turned off.
fn write_control(text: &str) {
    let mut out = io::stdout().lock();
    // A terminal that is gone is reported when the table is drawn.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn table(integrations: &[Arc<Integration>]) -> Table {
    let mut table = Table::new();
    let columns = ["name", "project", "environment", "state", "last successful sync"];
    table.push(columns.map(|column| Cell::styled(column, HEADING)));
    for integration in integrations {
        let definition = integration.definition();
        let status = integration.status();
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
            Cell::styled(summary(&status), style),
            Cell::text(timestamp::last_up_to_date(status.last_synchronized)),
        ]);
    }
    table
}
