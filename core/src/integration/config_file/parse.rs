//! Parses the configuration file as a whole, and reports all problems in it at once.

use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, Table, TableLike};

use super::env_vars::Variables;
use super::field_reader::FieldReader;
use super::problems::{FileProblem, FileProblems};
use super::store_fields::{self, StoreParts, StoreShape};
use crate::error::Result;
use crate::integration::config::{self, IntegrationDefinition};
use crate::store::StoreConfig;
use crate::sync::{SdkKey, Upstream, UpstreamProxy};

/// The name of the tables that define an integration each.
pub(super) const INTEGRATION_TABLES: &str = "integration";

const INTEGRATION_FIELDS: &[&str] = &[
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

/// The content of a configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegrationFile {
    /// The directory for error logs; `None` = error logs end with the process.
    pub state_directory: Option<PathBuf>,
    /// The integrations, in the order of the file.
    pub integrations: Vec<IntegrationDefinition>,
}

impl IntegrationFile {
    /// Reads and parses the file at `path`; blocks.
    ///
    /// # Errors
    /// All problems in the file.
    pub fn read(path: &Path, variables: &Variables) -> Result<Self, FileProblems> {
        Self::parse(&read_text(path)?, variables)
    }

    /// Parses the text of a file. Apart from that, it only reads certificates, and checks which
    /// paths exist and which name the same store.
    ///
    /// # Errors
    /// All problems in the text.
    pub fn parse(text: &str, variables: &Variables) -> Result<Self, FileProblems> {
        let mut reader = FieldReader::new(text, variables);
        let document = Document::parse(text).map_err(|e| {
            // The error's own output would repeat the line, which may contain a secret.
            let line = reader.line(e.span());
            FileProblems(vec![FileProblem { line, message: format!("this is no TOML: {}", e.message()) }])
        })?;
        let file = read_file(&mut reader, document.as_table());
        reader.finish(file)
    }
}

/// Reads the text of the file.
pub(in crate::integration) fn read_text(path: &Path) -> Result<String, FileProblems> {
    std::fs::read_to_string(path)
        .map_err(|e| FileProblems::whole_file(format!("{} cannot be read: {e}", path.display())))
}

/// An integration, and the lines that problems with it refer to.
struct DefinitionLines {
    definition: IntegrationDefinition,
    header: usize,
    store: usize,
}

fn read_file(reader: &mut FieldReader<'_>, root: &Table) -> IntegrationFile {
    reader.check_fields(root, &["state_directory", INTEGRATION_TABLES]);
    let state_directory = reader.string(root, "state_directory").map(PathBuf::from);
    if let Some(directory) = state_directory.as_ref().filter(|directory| !directory.is_dir()) {
        let message = format!("state_directory {} does not exist; create it", directory.display());
        reader.report(reader.line_of(root, "state_directory", 0), message);
    }
    let mut integrations: Vec<DefinitionLines> = Vec::new();
    match root.get(INTEGRATION_TABLES) {
        None => {}
        Some(Item::ArrayOfTables(tables)) => {
            for table in tables {
                let header = reader.line(table.span());
                if let Some(next) = read_integration(reader, table, header) {
                    report_conflicts(reader, &integrations, &next);
                    integrations.push(next);
                }
            }
        }
        Some(_) => {
            let line = reader.line_of(root, INTEGRATION_TABLES, 0);
            reader.report(line, "integrations are written as tables that begin with [[integration]]");
        }
    }
    let integrations = integrations.into_iter().map(|lines| lines.definition).collect();
    IntegrationFile { state_directory, integrations }
}

/// Reports an id or a store that another integration already has.
fn report_conflicts(reader: &mut FieldReader<'_>, others: &[DefinitionLines], next: &DefinitionLines) {
    for other in others {
        let line = other.header;
        if other.definition.id == next.definition.id {
            let message = format!("id {} is taken by the integration of line {line}", next.definition.id);
            reader.report(next.header, message);
        }
        if other.definition.store.is_same_store(&next.definition.store) {
            let message = format!(
                "this store is that of {} (line {line}); give one of them another prefix",
                other.definition.id
            );
            reader.report(next.store, message);
        }
    }
}

/// Reads the table of one integration; `None` = there were problems, which were reported.
fn read_integration(reader: &mut FieldReader<'_>, table: &Table, header: usize) -> Option<DefinitionLines> {
    let problems_before = reader.problem_count();
    reader.check_fields(table, INTEGRATION_FIELDS);
    let id = read_valid(reader, table, "id", header, config::check_id);
    if !table.contains_key("id") {
        let message = "id is missing; give one that never changes, such as id = \"production-eu\"";
        reader.report(header, message);
    }
    let name = read_valid(reader, table, "name", header, config::check_name);
    let project = read_valid(reader, table, "project", header, |text| config::check_label("project", text));
    let environment =
        read_valid(reader, table, "environment", header, |text| config::check_label("environment", text));
    let on = reader.boolean(table, "on").unwrap_or(true);
    let upstream = read_upstream(reader, table, header);
    let store = read_store(reader, table, header);
    if reader.problem_count() > problems_before {
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
    let store = reader.line_of(table, "store", header);
    Some(DefinitionLines { definition, header, store })
}

/// Reads a string and reports the error of `validate`.
fn read_valid(
    reader: &mut FieldReader<'_>,
    table: &dyn TableLike,
    key: &str,
    header: usize,
    validate: impl Fn(&str) -> Result<()>,
) -> Option<String> {
    let text = reader.string(table, key)?;
    match validate(&text) {
        Ok(()) => Some(text),
        Err(e) => {
            reader.report(reader.line_of(table, key, header), e.message());
            None
        }
    }
}

fn read_upstream(reader: &mut FieldReader<'_>, table: &Table, header: usize) -> Option<Upstream> {
    if !table.contains_key("sdk_key") {
        let message = "sdk_key is missing; such as sdk_key = \"${SDK_KEY}\", with SDK_KEY in the environment";
        reader.report(header, message);
    }
    let sdk_key = reader.string(table, "sdk_key").and_then(|text| {
        SdkKey::new(&text)
            .map_err(|e| reader.report(reader.line_of(table, "sdk_key", header), e.message()))
            .ok()
    });
    // Each field is validated alone, in an upstream with a placeholder key, so that every wrong
    // field is reported, even if the key is missing.
    let placeholder = Upstream::new(SdkKey::new("unknown").expect("a valid key"));
    let mut upstream = placeholder.clone();
    let mut is_valid = true;
    type SetField = fn(&mut Upstream, String);
    let fields: [(&str, SetField); 4] = [
        ("base_url", |upstream, text| upstream.base_url = text),
        ("stream_url", |upstream, text| upstream.stream_url = text),
        ("proxy", |upstream, text| upstream.proxy = UpstreamProxy::parse(&text)),
        ("ca_file", |upstream, text| upstream.ca_file = Some(text.into())),
    ];
    for (key, set) in fields {
        let Some(text) = reader.string(table, key) else { continue };
        let mut alone = placeholder.clone();
        set(&mut alone, text.clone());
        match alone.validate() {
            Ok(()) => set(&mut upstream, text),
            Err(e) => {
                reader.report(reader.line_of(table, key, header), e.message());
                is_valid = false;
            }
        }
    }
    let sdk_key = sdk_key?;
    is_valid.then_some(Upstream { sdk_key, ..upstream })
}

fn read_store(reader: &mut FieldReader<'_>, table: &Table, header: usize) -> Option<StoreConfig> {
    let line = reader.line_of(table, "store", header);
    let parts = match StoreShape::of(table.get("store")) {
        StoreShape::Missing => {
            let message =
                "store is missing; such as store = \"redis://localhost\", or a table [integration.store]";
            reader.report(header, message);
            None
        }
        StoreShape::String => reader.string(table, "store").map(StoreParts::from_url),
        StoreShape::Table(store) => store_fields::read(reader, store, line),
    };
    let prefix = reader.string(table, "prefix");
    let mut parts = parts?;
    if let Some(prefix) = prefix {
        parts.add_option("prefix", prefix);
    }
    match parts.into_config().and_then(|store| config::check_store(&store).map(|()| store)) {
        Ok(store) => Some(store),
        Err(e) => {
            reader.report(line, format!("store: {}", e.message()));
            None
        }
    }
}
