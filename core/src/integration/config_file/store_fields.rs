//! The store of an integration as a table of fields, in which a password needs no escaping.
//!
//! ```toml
//! [integration.store]
//! type = "redis"
//! host = "redis.internal"
//! password = "${PASSWORD}"
//! ```

use std::path::PathBuf;

use toml_edit::{Item, TableLike, Value};

use super::env_vars::escape;
use super::field_reader::FieldReader;
use crate::error::Result;
#[cfg(feature = "redis")]
use crate::store::redis::{RedisAddress, RedisConfig, RedisServers};
use crate::store::{OptionType, OptionValue, StoreConfig, StoreOption};

/// The form in which the file writes a store.
pub(super) enum StoreShape<'a> {
    Missing,
    String,
    Table(&'a dyn TableLike),
}

impl<'a> StoreShape<'a> {
    pub(super) fn of(item: Option<&'a Item>) -> Self {
        match item {
            None => Self::Missing,
            Some(item) => item.as_table_like().map_or(Self::String, Self::Table),
        }
    }
}

/// The field that names the type of store.
const TYPE: &str = "type";
/// The field that holds a store string; options by name may stand beside it.
pub(super) const URL: &str = "url";

/// The types of store that a table can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TableType {
    Redis,
    DynamoDb,
    Local,
}

impl TableType {
    const ALL: [Self; 3] = [Self::Redis, Self::DynamoDb, Self::Local];

    fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::DynamoDb => "dynamodb",
            Self::Local => "local",
        }
    }

    /// Returns the fields after `type`: the required one, then the optional ones.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Redis => &["host", "port", "username", "password", "tls", "database"],
            Self::DynamoDb => &["table", "region", "role_arn", "external_id", "endpoint"],
            Self::Local => &["path"],
        }
    }
}

/// Returns the fields of all tables.
pub(super) fn all_fields() -> Vec<&'static str> {
    let mut fields = vec![TYPE, URL];
    fields.extend(TableType::ALL.iter().flat_map(|table_type| table_type.fields()));
    let options = StoreOption::ALL.iter().map(|option| option.name);
    let options: Vec<&str> = options.filter(|name| !fields.contains(name)).collect();
    fields.extend(options);
    fields
}

/// The arguments of [`StoreConfig::from_parts`], as a table gives them.
pub(super) struct StoreParts {
    place: StorePlace,
    options: Vec<(&'static str, OptionValue)>,
}

enum StorePlace {
    Url(String),
    Path(PathBuf),
}

impl StoreParts {
    pub(super) fn from_url(url: String) -> Self {
        Self { place: StorePlace::Url(url), options: Vec::new() }
    }

    pub(super) fn add_option(&mut self, name: &'static str, value: impl Into<OptionValue>) {
        self.options.push((name, value.into()));
    }

    pub(super) fn into_config(self) -> Result<StoreConfig> {
        match &self.place {
            StorePlace::Url(url) => StoreConfig::from_parts(url.as_str(), self.options),
            StorePlace::Path(path) => StoreConfig::from_parts(path.as_path(), self.options),
        }
    }
}

/// Reads the table of a store; `None` = there were problems, which were reported.
pub(super) fn read(reader: &mut FieldReader<'_>, table: &dyn TableLike, header: usize) -> Option<StoreParts> {
    if table.contains_key(URL) {
        return read_url(reader, table);
    }
    let table_type = read_type(reader, table, header)?;
    let fields = table_type.fields();
    let known: Vec<&str> = std::iter::once(TYPE).chain(fields.iter().copied()).collect();
    reader.check_fields(table, &known);
    let required = fields[0];
    if !table.contains_key(required) {
        reader.report(header, format!("store: {required} is missing"));
    }
    // All fields are read before the first return, so that every problem is reported.
    let place = reader.string(table, required);
    let port = if table_type == TableType::Redis { reader.integer(table, "port") } else { None };
    let options = read_options(reader, table, fields);
    let place = place?;
    if table_type != TableType::Local && place.contains(['@', '/', '?', '#', ',', '%']) {
        // It might be a misplaced password, or hide an option.
        let line = reader.line_of(table, required, header);
        reader.report(line, format!("{required} must be a name and nothing else"));
        return None;
    }
    let place = match table_type {
        TableType::Redis => StorePlace::Url(redis_url(&place, port)),
        TableType::DynamoDb => StorePlace::Url(format!("dynamodb://{place}")),
        TableType::Local => StorePlace::Path(place.into()),
    };
    Some(StoreParts { place, options })
}

fn read_type(reader: &mut FieldReader<'_>, table: &dyn TableLike, header: usize) -> Option<TableType> {
    if !table.contains_key(TYPE) {
        reader.report(header, "store: type is missing; such as type = \"redis\"");
    }
    let name = reader.string(table, TYPE)?;
    let found = TableType::ALL.into_iter().find(|table_type| table_type.name() == name);
    if found.is_none() {
        let line = reader.line_of(table, TYPE, header);
        reader.report(line, "type must be redis, dynamodb or local; other stores need a url instead");
    }
    found
}

fn redis_url(host: &str, port: Option<i64>) -> String {
    let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
    let host = if is_bare_ipv6 { format!("[{host}]") } else { host.to_owned() };
    port.map_or_else(|| format!("redis://{host}"), |port| format!("redis://{host}:{port}"))
}

/// Reads a table that holds a store string.
fn read_url(reader: &mut FieldReader<'_>, table: &dyn TableLike) -> Option<StoreParts> {
    let options: Vec<&str> = StoreOption::ALL.iter().map(|option| option.name).collect();
    let known: Vec<&str> = std::iter::once(URL).chain(options.iter().copied()).collect();
    reader.check_fields(table, &known);
    let options = read_options(reader, table, &options);
    let url = reader.string(table, URL)?;
    Some(StoreParts { place: StorePlace::Url(url), options })
}

/// Reads the fields that are options by name; reports a value of the wrong type.
fn read_options(
    reader: &mut FieldReader<'_>,
    table: &dyn TableLike,
    fields: &[&str],
) -> Vec<(&'static str, OptionValue)> {
    let mut options = Vec::new();
    for option in fields.iter().filter_map(|name| StoreOption::named(name)) {
        let Some(item) = table.get(option.name) else { continue };
        let value = match option.value {
            OptionType::Flag => reader.boolean(table, option.name).map(OptionValue::Flag),
            OptionType::Integer => read_number(reader, table, option.name),
            OptionType::Duration | OptionType::Size if item.is_integer() => {
                read_number(reader, table, option.name)
            }
            _ => reader.string(table, option.name).map(OptionValue::Text),
        };
        options.extend(value.map(|value| (option.name, value)));
    }
    options
}

fn read_number(reader: &mut FieldReader<'_>, table: &dyn TableLike, name: &str) -> Option<OptionValue> {
    reader.integer(table, name).map(|number| OptionValue::Number(number as f64))
}

/// A field and its new value; `None` removes the field.
pub(super) type FieldEdit = (&'static str, Option<Value>);

/// Returns the fields of a table for `store`, without secrets and without options that have no
/// field. `None` = no table can express the store.
pub(super) fn to_fields(store: &StoreConfig) -> Option<Vec<FieldEdit>> {
    let text = |text: &str| Some(Value::from(escape(text)));
    Some(match store {
        #[cfg(feature = "redis")]
        StoreConfig::Redis(config) => {
            let RedisServers::One(RedisAddress::Tcp(host, port)) = &config.servers else { return None };
            let port = Some(*port).filter(|port| *port != RedisConfig::DEFAULT_PORT);
            let database = Some(config.database).filter(|database| *database != 0);
            vec![
                (TYPE, text("redis")),
                ("host", text(host)),
                ("port", port.map(|port| i64::from(port).into())),
                ("username", config.login.user.as_deref().and_then(text)),
                ("tls", config.tls.as_ref().map(|_| true.into())),
                ("database", database.map(|database| i64::from(database).into())),
            ]
        }
        #[cfg(feature = "dynamodb")]
        StoreConfig::DynamoDb(config) => vec![
            (TYPE, text("dynamodb")),
            ("table", text(&config.table)),
            ("region", config.region.as_deref().and_then(text)),
            ("role_arn", config.role.as_ref().and_then(|role| text(&role.arn))),
            ("endpoint", config.endpoint.as_deref().and_then(text)),
        ],
        StoreConfig::Local(config) => {
            vec![(TYPE, text("local")), ("path", text(&config.path.display().to_string()))]
        }
        _ => return None,
    })
}
