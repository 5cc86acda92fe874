//! Edits the text of the configuration file and leaves everything else in it as it is: comments,
//! order, variables.

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

use super::env_vars::{Variables, escape};
use super::parse::{INTEGRATION_TABLES, IntegrationFile};
use super::problems::FileProblems;
use super::store_edit::{NewStore, StoreSyntax, not_expressible, rewrite};
use crate::error::{Error, ErrorKind, Result};
use crate::integration::config::check_name;

/// An edit of one integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntegrationEdit {
    /// Turns it on or off.
    On(bool),
    /// Changes its name.
    Name(String),
    /// Changes its store to a store string. Secrets that the string leaves out stay as they are,
    /// unless the servers change.
    Store(StoreText),
    /// Removes it from the file; its store keeps its data.
    Delete,
}

/// A store string, which may contain a secret; no output shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreText(pub String);

impl std::fmt::Debug for StoreText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreText(secret)")
    }
}

/// A file after edits.
pub(in crate::integration) struct EditedFile {
    pub(in crate::integration) text: String,
    pub(in crate::integration) file: IntegrationFile,
}

/// Edits the integration `id` in the text of a file.
///
/// The edited text is parsed again, and must define exactly what the edits ask for.
pub(in crate::integration) fn edit_file(
    text: &str,
    id: &str,
    edits: &[IntegrationEdit],
    variables: &Variables,
) -> Result<EditedFile> {
    let mut expected = IntegrationFile::parse(text, variables)?;
    let index = expected.integrations.iter().position(|definition| definition.id == id);
    let index = index
        .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, format!("the file has no integration {id}")))?;
    let mut edited = FileText::parse(text)?;
    for edit in edits {
        edit_one(&mut expected, &mut edited, index, edit)?;
        if *edit == IntegrationEdit::Delete {
            break;
        }
    }
    let text = edited.into_text();
    let file = IntegrationFile::parse(&text, variables).map_err(without_lines)?;
    if file != expected { Err(not_expressible()) } else { Ok(EditedFile { text, file }) }
}

/// Applies one edit to the definitions and to the text.
fn edit_one(
    expected: &mut IntegrationFile,
    text: &mut FileText,
    index: usize,
    edit: &IntegrationEdit,
) -> Result<()> {
    let definition = &mut expected.integrations[index];
    match edit {
        IntegrationEdit::On(on) => {
            definition.on = *on;
            text.set_on(index, *on)
        }
        IntegrationEdit::Name(name) if *name == definition.name => Ok(()),
        IntegrationEdit::Name(name) => {
            check_name(name)?;
            definition.name.clone_from(name);
            text.set_name(index, name)
        }
        IntegrationEdit::Store(store) if store.0 == definition.store.to_string() => Ok(()),
        IntegrationEdit::Store(store) => {
            let NewStore { config, syntax, prefix } =
                rewrite(text.table(index)?, &definition.store, &store.0)?;
            definition.store = config;
            text.set_store(index, syntax, prefix)
        }
        IntegrationEdit::Delete => {
            expected.integrations.remove(index);
            text.delete(index)
        }
    }
}

/// Converts the problems of an edited text; its lines are not known to the caller.
fn without_lines(problems: FileProblems) -> Error {
    let messages: Vec<String> = problems.0.into_iter().map(|problem| problem.message).collect();
    Error::new(ErrorKind::InvalidConfig, messages.join("; "))
}

/// The text of a file, parsed for edits.
struct FileText(DocumentMut);

impl FileText {
    fn parse(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|_| Error::new(ErrorKind::InvalidConfig, "the file is no TOML"))
    }

    fn tables(&mut self) -> Result<&mut ArrayOfTables> {
        let tables = self.0.get_mut(INTEGRATION_TABLES).and_then(Item::as_array_of_tables_mut);
        tables.ok_or_else(|| Error::new(ErrorKind::InvalidConfig, "the file has no integrations"))
    }

    /// Returns the table of the integration at `index`.
    fn table(&mut self, index: usize) -> Result<&mut Table> {
        let table = self.tables()?.get_mut(index);
        table.ok_or_else(|| Error::new(ErrorKind::Internal, format!("the file has no integration {index}")))
    }

    fn set_on(&mut self, index: usize, on: bool) -> Result<()> {
        set(self.table(index)?, "on", on.into());
        Ok(())
    }

    fn set_name(&mut self, index: usize, name: &str) -> Result<()> {
        set(self.table(index)?, "name", escape(name).into());
        Ok(())
    }

    fn set_store(&mut self, index: usize, syntax: StoreSyntax, prefix: Option<String>) -> Result<()> {
        let table = self.table(index)?;
        match prefix {
            Some(prefix) => set(table, "prefix", escape(&prefix).into()),
            None => drop(table.remove("prefix")),
        }
        let fields = match syntax {
            StoreSyntax::String(text) => {
                set(table, "store", text.into());
                return Ok(());
            }
            StoreSyntax::Fields(fields) => fields,
        };
        let store = table.get_mut("store").and_then(Item::as_table_like_mut);
        let store = store.ok_or_else(|| Error::new(ErrorKind::Internal, "the store is no table"))?;
        for (key, value) in fields {
            match value {
                Some(value) => set(store, key, value),
                None => drop(store.remove(key)),
            }
        }
        Ok(())
    }

    /// Removes an integration and the comment directly above it. Comments before an empty line
    /// belong to the file, and stay.
    fn delete(&mut self, index: usize) -> Result<()> {
        let tables = self.tables()?;
        let prefix = tables.get(index).and_then(|table| table.decor().prefix()?.as_str());
        let kept = prefix.and_then(|text| Some(text[..text.rfind("\n\n")? + 1].to_owned()));
        tables.remove(index);
        let Some(kept) = kept.filter(|kept| !kept.trim().is_empty()) else { return Ok(()) };
        match tables.get_mut(index) {
            Some(next) => {
                let own = next.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
                let joined = format!("{kept}\n{}", own.trim_start_matches('\n'));
                next.decor_mut().set_prefix(joined);
            }
            None => {
                let trailing = format!("{kept}{}", self.0.trailing().as_str().unwrap_or_default());
                self.0.set_trailing(trailing);
            }
        }
        Ok(())
    }

    fn into_text(self) -> String {
        self.0.to_string()
    }
}

/// Sets a field; the comment after it stays.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(current) => {
            *value.decor_mut() = current.decor().clone();
            *current = value;
        }
        None => drop(table.insert(key, Item::Value(value))),
    }
}
