//! Tables of text for people; programs use `--json`.

use std::io::{self, Write};

use anstyle::Style;

/// Rows of cells; the first row is the heading.
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// Styled text in a table.
pub(crate) struct Cell {
    text: String,
    style: Style,
    align_right: bool,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::new(), align_right: false }
    }

    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, align_right: false }
    }

    /// Creates a right-aligned number.
    pub(crate) fn number(number: u64) -> Self {
        Self::text(crate::output::count(number)).right()
    }

    /// Aligns the cell to the right of its column, for numbers and their headings.
    pub(crate) fn right(self) -> Self {
        Self { align_right: true, ..self }
    }
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Cell; N]) {
        self.rows.push(row.into());
    }

    /// Prints the rows, each column as wide as its widest cell.
    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        for row in &self.rows {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width - cell.text.chars().count());
                let (text, style) = (&cell.text, cell.style);
                let between = if column == 0 { "" } else { "  " };
                match (cell.align_right, column + 1 == row.len()) {
                    (true, _) => write!(out, "{between}{padding}{style}{text}{style:#}")?,
                    (false, true) => write!(out, "{between}{style}{text}{style:#}")?,
                    (false, false) => write!(out, "{between}{style}{text}{style:#}{padding}")?,
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
