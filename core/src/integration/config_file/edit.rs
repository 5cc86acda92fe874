//! Changes the text of the file and leaves everything else as it is: comments, order, variables.

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

use super::env_vars::escape;
use super::parse::TABLES;
use super::store_edit::Spelling;
use crate::error::{Error, ErrorKind, Result};

/// A change of one integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntegrationEdit {
    /// It is turned on or off.
    On(bool),
    /// It gets another name.
    Name(String),
    /// It gets another store: a store string. Secrets that are missing from it stay as they are, unless the servers change.
    Store(StoreText),
    /// It is removed; what its store holds stays there.
    Delete,
}

/// A store string that may hold a secret, which nothing shows.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreText(pub String);

impl std::fmt::Debug for StoreText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreText(secret)")
    }
}

/// The text of a file, open for changes.
pub(in crate::integration) struct FileText(DocumentMut);

impl FileText {
    pub(in crate::integration) fn parse(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|_| Error::new(ErrorKind::InvalidConfig, "the file is no TOML"))
    }

    fn tables(&mut self) -> Result<&mut ArrayOfTables> {
        let tables = self.0.get_mut(TABLES).and_then(Item::as_array_of_tables_mut);
        tables.ok_or_else(|| Error::new(ErrorKind::InvalidConfig, "the file has no integrations"))
    }

    /// Returns the table of the integration with that number, counted from 0.
    pub(in crate::integration) fn table(&mut self, number: usize) -> Result<&mut Table> {
        let table = self.tables()?.get_mut(number);
        table.ok_or_else(|| Error::new(ErrorKind::InvalidConfig, "the file has changed meanwhile"))
    }

    pub(in crate::integration) fn set_on(&mut self, number: usize, on: bool) -> Result<()> {
        set(self.table(number)?, "on", on.into());
        Ok(())
    }

    pub(in crate::integration) fn set_name(&mut self, number: usize, name: &str) -> Result<()> {
        set(self.table(number)?, "name", escape(name).into());
        Ok(())
    }

    pub(in crate::integration) fn set_store(
        &mut self,
        number: usize,
        spelling: Spelling,
        prefix: Option<String>,
    ) -> Result<()> {
        let table = self.table(number)?;
        match prefix {
            Some(prefix) => set(table, "prefix", escape(&prefix).into()),
            None => drop(table.remove("prefix")),
        }
        let fields = match spelling {
            Spelling::String(text) => {
                set(table, "store", text.into());
                return Ok(());
            }
            Spelling::Fields(fields) => fields,
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

    /// Removes an integration with the comment above it. What stands further above, behind an empty line, is about the file.
    pub(in crate::integration) fn delete(&mut self, number: usize) -> Result<()> {
        let tables = self.tables()?;
        let prefix = tables.get(number).and_then(|table| table.decor().prefix()?.as_str());
        let kept = prefix.and_then(|text| Some(text[..text.rfind("\n\n")? + 1].to_owned()));
        tables.remove(number);
        let Some(kept) = kept.filter(|kept| !kept.trim().is_empty()) else { return Ok(()) };
        match tables.get_mut(number) {
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

    pub(in crate::integration) fn into_text(self) -> String {
        self.0.to_string()
    }
}

/// Sets a field; the comment behind it stays.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(known) => {
            *value.decor_mut() = known.decor().clone();
            *known = value;
        }
        None => drop(table.insert(key, Item::Value(value))),
    }
}
