use std::ops::Range;

use toml_edit::TableLike;

use super::env_vars::{Variables, substitute};
use super::problems::{FileProblem, FileProblems};

/// A suggestion is made for a field that is at least this similar to a known one (Jaro-Winkler).
const MIN_SIMILARITY: f64 = 0.75;
/// The longest unknown field name that a message repeats.
const MAX_SHOWN_NAME: usize = 24;

/// Reads the fields of TOML tables and collects the problems in them, with their lines.
pub(super) struct FieldReader<'a> {
    text: &'a str,
    variables: &'a Variables,
    problems: Vec<FileProblem>,
}

impl<'a> FieldReader<'a> {
    pub(super) fn new(text: &'a str, variables: &'a Variables) -> Self {
        Self { text, variables, problems: Vec::new() }
    }

    /// Returns the number of problems so far.
    pub(super) fn problem_count(&self) -> usize {
        self.problems.len()
    }

    /// Returns `value` if no problem was reported.
    pub(super) fn finish<T>(mut self, value: T) -> Result<T, FileProblems> {
        if self.problems.is_empty() {
            return Ok(value);
        }
        self.problems.sort_by_key(|problem| problem.line);
        Err(FileProblems(self.problems))
    }

    /// Returns the line, counted from 1, where a span of the text begins.
    pub(super) fn line(&self, span: Option<Range<usize>>) -> usize {
        let before = span.and_then(|span| self.text.get(..span.start));
        before.map_or(1, |before| before.matches('\n').count() + 1)
    }

    /// Returns the line of a field, or `header`, the line of its table, if the field is missing.
    pub(super) fn line_of(&self, table: &dyn TableLike, key: &str, header: usize) -> usize {
        match table.get_key_value(key) {
            Some((key, item)) => self.line(key.span().or(item.span())),
            None => header,
        }
    }

    /// Adds a problem.
    pub(super) fn report(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(FileProblem { line, message: message.into() });
    }

    /// Reads a string and substitutes its variables; reports another type or a missing variable.
    pub(super) fn string(&mut self, table: &dyn TableLike, key: &str) -> Option<String> {
        let line = self.line_of(table, key, 0);
        let result = match table.get(key)?.as_str() {
            Some(text) => substitute(text, self.variables).map_err(|e| format!("{key}: {e}")),
            None => Err(format!("{key} must be a text in quotation marks")),
        };
        result.map_err(|message| self.report(line, message)).ok()
    }

    /// Reads a boolean; reports another type.
    pub(super) fn boolean(&mut self, table: &dyn TableLike, key: &str) -> Option<bool> {
        let value = table.get(key)?.as_bool();
        if value.is_none() {
            self.report(self.line_of(table, key, 0), format!("{key} must be true or false"));
        }
        value
    }

    /// Reads an integer; reports another type.
    pub(super) fn integer(&mut self, table: &dyn TableLike, key: &str) -> Option<i64> {
        let value = table.get(key)?.as_integer();
        if value.is_none() {
            self.report(self.line_of(table, key, 0), format!("{key} must be a whole number"));
        }
        value
    }

    /// Reports every field that is not among `known`.
    pub(super) fn check_fields(&mut self, table: &dyn TableLike, known: &[&str]) {
        for (key, _) in table.iter() {
            if known.contains(&key) {
                continue;
            }
            let similar = known
                .iter()
                .map(|name| (strsim::jaro_winkler(key, name), name))
                .filter(|(similarity, _)| *similarity > MIN_SIMILARITY)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let suggestion = similar.map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"));
            // Only a plain word is repeated: anything else may be a secret without its field name.
            let is_word = key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let shown = if is_word && key.len() <= MAX_SHOWN_NAME { key } else { "(not a word)" };
            let message = format!("there is no field {shown}{suggestion} (known are {})", known.join(", "));
            self.report(self.line_of(table, key, 0), message);
        }
    }
}
