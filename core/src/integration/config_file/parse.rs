//! The file that defines integrations: TOML, read as a whole, with everything that is wrong with it at once.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, Table, TableLike};

use super::env_vars::{Variables, substitute};
use super::store_fields::{self, StoreParts, StoreShape};
use crate::error::{Error, ErrorKind};
use crate::integration::config::{self, IntegrationDefinition};
use crate::store::StoreConfig;
use crate::sync::{SdkKey, Upstream, UpstreamProxy};

/// The name of the tables that define an integration each.
pub(super) const TABLES: &str = "integration";

const FIELDS: &[&str] = &[
    "id",
    "name",
    "project",
    "environment",
    "on",
    "sdk_key",
    "base_url",
    "stream_url",
    "proxy",
    "ca_file",
    "store",
    "prefix",
];

/// What such a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegrationFile {
    /// Where error logs are kept; `None` = they end with the process.
    pub state_directory: Option<PathBuf>,
    /// The integrations, in the file's order.
    pub integrations: Vec<IntegrationDefinition>,
}

/// Something that is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// The line, counted from 1; 0 = the file as a whole.
    pub line: usize,
    /// What is wrong, and what to do; holds no secret.
    pub message: String,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

/// Everything that is wrong with the file, in the order of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblems(pub Vec<FileProblem>);

impl FileProblems {
    /// Makes a problem of the whole file.
    pub(in crate::integration) fn whole(message: impl Into<String>) -> Self {
        Self(vec![FileProblem { line: 0, message: message.into() }])
    }
}

impl fmt::Display for FileProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if number == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for FileProblems {}

impl From<FileProblems> for Error {
    fn from(problems: FileProblems) -> Self {
        Self::new(ErrorKind::InvalidConfig, problems.to_string())
    }
}

impl IntegrationFile {
    /// Reads the file at a path; blocks.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &Path, variables: &Variables) -> Result<Self, FileProblems> {
        Self::parse(&read_text(path)?, variables)
    }

    /// Reads the text of such a file. Looks whether certificates can be read and store files are the same, and at nothing else.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, variables: &Variables) -> Result<Self, FileProblems> {
        let mut reading = Reading { text, variables, problems: Vec::new() };
        let document = Document::parse(text).map_err(|e| {
            // Its own way to show itself would repeat the line.
            let line = reading.line(e.span());
            FileProblems(vec![FileProblem { line, message: format!("this is no TOML: {}", e.message()) }])
        })?;
        let file = reading.file(document.as_table());
        match reading.problems.is_empty() {
            true => Ok(file),
            false => {
                reading.problems.sort_by_key(|problem| problem.line);
                Err(FileProblems(reading.problems))
            }
        }
    }
}

/// Reads the text of the file.
pub(in crate::integration) fn read_text(path: &Path) -> Result<String, FileProblems> {
    std::fs::read_to_string(path)
        .map_err(|e| FileProblems::whole(format!("{} cannot be read: {e}", path.display())))
}

/// The reading of one file.
pub(super) struct Reading<'a> {
    text: &'a str,
    variables: &'a Variables,
    problems: Vec<FileProblem>,
}

impl Reading<'_> {
    fn line(&self, span: Option<Range<usize>>) -> usize {
        let before = span.and_then(|span| self.text.get(..span.start));
        before.map_or(1, |before| before.matches('\n').count() + 1)
    }

    /// Notes a problem.
    pub(super) fn complain(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(FileProblem { line, message: message.into() });
    }

    /// Returns the line where a field begins, or the table does that lacks it.
    pub(super) fn line_of(&self, table: &dyn TableLike, key: &str, header: usize) -> usize {
        match table.get_key_value(key) {
            Some((key, item)) => self.line(key.span().or(item.span())),
            None => header,
        }
    }

    /// Returns a text with its variables in place.
    pub(super) fn string(&mut self, table: &dyn TableLike, key: &str) -> Option<String> {
        let line = self.line_of(table, key, 0);
        let outcome = match table.get(key)?.as_str() {
            Some(text) => substitute(text, self.variables).map_err(|e| format!("{key}: {e}")),
            None => Err(format!("{key} must be a text in quotation marks")),
        };
        outcome.map_err(|message| self.complain(line, message)).ok()
    }

    /// Returns a truth value.
    pub(super) fn boolean(&mut self, table: &dyn TableLike, key: &str) -> Option<bool> {
        let value = table.get(key)?.as_bool();
        if value.is_none() {
            self.complain(self.line_of(table, key, 0), format!("{key} must be true or false"));
        }
        value
    }

    /// Returns a number.
    pub(super) fn integer(&mut self, table: &dyn TableLike, key: &str) -> Option<i64> {
        let value = table.get(key)?.as_integer();
        if value.is_none() {
            self.complain(self.line_of(table, key, 0), format!("{key} must be a whole number"));
        }
        value
    }

    /// Complains of every field that is not known.
    pub(super) fn check_fields(&mut self, table: &dyn TableLike, known: &[&str]) {
        for (key, _) in table.iter() {
            if known.contains(&key) {
                continue;
            }
            let likely = known
                .iter()
                .map(|name| (strsim::jaro_winkler(key, name), name))
                .filter(|(likeness, _)| *likeness > 0.75)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let suggestion = likely.map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"));
            // Nothing but a word: it might be a secret that lost its name.
            let is_word = key.len() <= 24 && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let shown = if is_word { key } else { "(not a word)" };
            let message = format!("there is no field {shown}{suggestion} (known are {})", known.join(", "));
            self.complain(self.line_of(table, key, 0), message);
        }
    }

    fn file(&mut self, root: &Table) -> IntegrationFile {
        self.check_fields(root, &["state_directory", TABLES]);
        let state_directory = self.string(root, "state_directory").map(PathBuf::from);
        if let Some(directory) = state_directory.as_ref().filter(|directory| !directory.is_dir()) {
            let message = format!("state_directory {} is not there; make it", directory.display());
            self.complain(self.line_of(root, "state_directory", 0), message);
        }
        let mut integrations: Vec<(usize, IntegrationDefinition)> = Vec::new();
        match root.get(TABLES) {
            None => {}
            Some(Item::ArrayOfTables(tables)) => {
                for table in tables {
                    let header = self.line(table.span());
                    if let Some((line, next)) = self.integration(table, header) {
                        self.compare(&integrations, header, line, &next);
                        integrations.push((header, next));
                    }
                }
            }
            Some(_) => {
                let line = self.line_of(root, TABLES, 0);
                self.complain(line, "integrations are written as tables that begin with [[integration]]");
            }
        }
        let integrations = integrations.into_iter().map(|(_, integration)| integration).collect();
        IntegrationFile { state_directory, integrations }
    }

    /// Complains of what no two integrations may have in common.
    fn compare(
        &mut self,
        others: &[(usize, IntegrationDefinition)],
        header: usize,
        store_line: usize,
        next: &IntegrationDefinition,
    ) {
        for (line, other) in others {
            if other.id == next.id {
                let message = format!("id {} is taken by the integration of line {line}", next.id);
                self.complain(header, message);
            }
            if other.store.is_same_place(&next.store) {
                let message = format!(
                    "this store is that of {} (line {line}); give one of them another prefix",
                    other.id
                );
                self.complain(store_line, message);
            }
        }
    }

    /// Reads one integration; returns also the line of its store.
    fn integration(&mut self, table: &Table, header: usize) -> Option<(usize, IntegrationDefinition)> {
        let known = self.problems.len();
        self.check_fields(table, FIELDS);
        let id = self.checked(table, "id", header, config::check_id);
        if !table.contains_key("id") {
            self.complain(
                header,
                "id is missing; give one that never changes, such as id = \"production-eu\"",
            );
        }
        let name = self.checked(table, "name", header, config::check_name);
        let project = self.checked(table, "project", header, |text| config::check_label("project", text));
        let environment =
            self.checked(table, "environment", header, |text| config::check_label("environment", text));
        let on = self.boolean(table, "on").unwrap_or(true);
        let upstream = self.upstream(table, header);
        let store = self.store(table, header);
        if self.problems.len() > known {
            return None;
        }
        let id = id?;
        let definition = IntegrationDefinition {
            name: name.unwrap_or_else(|| id.clone()),
            project: project.unwrap_or_default(),
            environment: environment.unwrap_or_default(),
            on,
            ..IntegrationDefinition::new(id, upstream?, store?)
        };
        Some((self.line_of(table, "store", header), definition))
    }

    /// Returns a text that satisfies a rule.
    fn checked(
        &mut self,
        table: &dyn TableLike,
        key: &str,
        header: usize,
        rule: impl Fn(&str) -> crate::error::Result<()>,
    ) -> Option<String> {
        let text = self.string(table, key)?;
        match rule(&text) {
            Ok(()) => Some(text),
            Err(e) => {
                self.complain(self.line_of(table, key, header), e.message());
                None
            }
        }
    }

    fn upstream(&mut self, table: &Table, header: usize) -> Option<Upstream> {
        if !table.contains_key("sdk_key") {
            let message =
                "sdk_key is missing; such as sdk_key = \"${SDK_KEY}\", with SDK_KEY in the environment";
            self.complain(header, message);
        }
        let sdk_key = self.string(table, "sdk_key").and_then(|text| {
            SdkKey::new(&text)
                .map_err(|e| self.complain(self.line_of(table, "sdk_key", header), e.message()))
                .ok()
        });
        // Each field is checked by itself, so that every one that is wrong is named; a key that is missing hides nothing.
        let known = || Upstream::new(SdkKey::new("unknown").expect("it is a key"));
        let mut upstream = known();
        let mut is_good = true;
        type Set = fn(&mut Upstream, String);
        let fields: [(&str, Set); 4] = [
            ("base_url", |upstream, text| upstream.base_url = text),
            ("stream_url", |upstream, text| upstream.stream_url = text),
            ("proxy", |upstream, text| upstream.proxy = UpstreamProxy::parse(&text)),
            ("ca_file", |upstream, text| upstream.ca_file = Some(text.into())),
        ];
        for (key, set) in fields {
            let Some(text) = self.string(table, key) else { continue };
            let mut alone = known();
            set(&mut alone, text.clone());
            match alone.validate() {
                Ok(()) => set(&mut upstream, text),
                Err(e) => {
                    self.complain(self.line_of(table, key, header), e.message());
                    is_good = false;
                }
            }
        }
        sdk_key.filter(|_| is_good).map(|sdk_key| Upstream { sdk_key, ..upstream })
    }

    fn store(&mut self, table: &Table, header: usize) -> Option<StoreConfig> {
        let line = self.line_of(table, "store", header);
        let parts = match StoreShape::of(table.get("store")) {
            StoreShape::Missing => {
                let message =
                    "store is missing; such as store = \"redis://localhost\", or a table [integration.store]";
                self.complain(header, message);
                None
            }
            StoreShape::String => self.string(table, "store").map(StoreParts::of_url),
            StoreShape::Table(store) => store_fields::read(self, store, line),
        };
        let prefix = self.string(table, "prefix");
        let mut parts = parts?;
        if let Some(prefix) = prefix {
            parts.add("prefix", prefix);
        }
        let parsed = parts.config().and_then(|store| config::check_store(&store).map(|()| store));
        parsed.map_err(|e| self.complain(line, format!("store: {}", e.message()))).ok()
    }
}
