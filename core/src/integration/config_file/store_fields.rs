//! The store of an integration written as a table of fields, so that a password needs no escaping.

use std::path::PathBuf;

use toml_edit::{Item, TableLike, Value};

use super::env_vars::escape;
use super::parse::Reading;
use crate::error::Result;
#[cfg(feature = "redis")]
use crate::store::redis::{RedisAddress, RedisConfig, RedisServers};
use crate::store::{OptionType, OptionValue, StoreConfig, StoreOption};

/// How the file writes a store.
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

/// The fields of each type of store after `type`: the one that is needed, then the others.
const REDIS_FIELDS: &[&str] = &["host", "port", "username", "password", "tls", "database"];
const DYNAMODB_FIELDS: &[&str] = &["table", "region", "role_arn", "external_id", "endpoint"];
const LOCAL_FIELDS: &[&str] = &["path"];
/// The field that holds a store string; options by name may stand beside it.
pub(super) const URL: &str = "url";

/// Returns the fields of every type of store.
pub(super) fn every_field() -> impl Iterator<Item = &'static str> {
    let of_types = [REDIS_FIELDS, DYNAMODB_FIELDS, LOCAL_FIELDS].into_iter().flatten().copied();
    let options = StoreOption::ALL.iter().map(|option| option.name).filter(|name| !is_field_of_type(name));
    of_types.chain(options).chain(["type", URL])
}

fn is_field_of_type(name: &str) -> bool {
    [REDIS_FIELDS, DYNAMODB_FIELDS, LOCAL_FIELDS].iter().any(|fields| fields.contains(&name))
}

/// What a table says about a store: the parts that [`StoreConfig::from_parts`] takes.
pub(super) struct StoreParts {
    store: StoreText,
    options: Vec<(&'static str, OptionValue)>,
}

enum StoreText {
    Url(String),
    Path(PathBuf),
}

impl StoreParts {
    pub(super) fn of_url(url: String) -> Self {
        Self { store: StoreText::Url(url), options: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &'static str, value: impl Into<OptionValue>) {
        self.options.push((name, value.into()));
    }

    pub(super) fn config(self) -> Result<StoreConfig> {
        match &self.store {
            StoreText::Url(url) => StoreConfig::from_parts(url.as_str(), self.options),
            StoreText::Path(path) => StoreConfig::from_parts(path.as_path(), self.options),
        }
    }
}

/// Reads the table of a store; `None` = it lacks what is needed, which was reported.
pub(super) fn read(reading: &mut Reading<'_>, table: &dyn TableLike, header: usize) -> Option<StoreParts> {
    if table.contains_key(URL) {
        return read_url(reading, table);
    }
    let kind = reading.string(table, "type");
    let fields = match kind.as_deref() {
        Some("redis") => REDIS_FIELDS,
        Some("dynamodb") => DYNAMODB_FIELDS,
        Some("local") => LOCAL_FIELDS,
        Some(_) => {
            let line = reading.line_of(table, "type", header);
            reading.complain(line, "type must be redis, dynamodb or local; other stores need a url instead");
            return None;
        }
        None => {
            if !table.contains_key("type") {
                reading.complain(header, "store: type is missing; such as type = \"redis\"");
            }
            return None;
        }
    };
    let known: Vec<&str> = std::iter::once("type").chain(fields.iter().copied()).collect();
    reading.check_fields(table, &known);
    let needed = fields[0];
    if !table.contains_key(needed) {
        reading.complain(header, format!("store: {needed} is missing"));
    }
    let main = reading.string(table, needed);
    // All fields are read in any case, so that everything that is wrong is reported at once.
    let port = if fields == REDIS_FIELDS { reading.integer(table, "port") } else { None };
    let options = read_options(reading, table, fields);
    let main = main?;
    if fields != LOCAL_FIELDS && main.contains(['@', '/', '?', '#', ',', '%']) {
        // It might be a misplaced password, or hide an option.
        let line = reading.line_of(table, needed, header);
        reading.complain(line, format!("{needed} must be a name and nothing else"));
        return None;
    }
    let store = if fields == LOCAL_FIELDS {
        StoreText::Path(main.into())
    } else if fields == DYNAMODB_FIELDS {
        StoreText::Url(format!("dynamodb://{main}"))
    } else {
        StoreText::Url(redis_url(&main, port))
    };
    Some(StoreParts { store, options })
}

fn redis_url(host: &str, port: Option<i64>) -> String {
    let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
    let host = if is_bare_ipv6 { format!("[{host}]") } else { host.to_owned() };
    port.map_or_else(|| format!("redis://{host}"), |port| format!("redis://{host}:{port}"))
}

/// Reads a table that names the store by a store string.
fn read_url(reading: &mut Reading<'_>, table: &dyn TableLike) -> Option<StoreParts> {
    let options: Vec<&str> = StoreOption::ALL.iter().map(|option| option.name).collect();
    let known: Vec<&str> = std::iter::once(URL).chain(options.iter().copied()).collect();
    reading.check_fields(table, &known);
    let options = read_options(reading, table, &options);
    let url = reading.string(table, URL)?;
    Some(StoreParts { store: StoreText::Url(url), options })
}

/// Reads the fields that are options by name; a value of the wrong type is reported.
fn read_options(
    reading: &mut Reading<'_>,
    table: &dyn TableLike,
    fields: &[&str],
) -> Vec<(&'static str, OptionValue)> {
    let mut options = Vec::new();
    for option in fields.iter().filter_map(|name| StoreOption::named(name)) {
        if !table.contains_key(option.name) {
            continue;
        }
        let is_integer = || table.get(option.name).is_some_and(|item| item.is_integer());
        let value = match option.value {
            OptionType::Flag => reading.boolean(table, option.name).map(OptionValue::Flag),
            OptionType::Integer => read_number(reading, table, option.name),
            OptionType::Duration | OptionType::Size if is_integer() => {
                read_number(reading, table, option.name)
            }
            _ => reading.string(table, option.name).map(OptionValue::Text),
        };
        options.extend(value.map(|value| (option.name, value)));
    }
    options
}

fn read_number(reading: &mut Reading<'_>, table: &dyn TableLike, name: &str) -> Option<OptionValue> {
    reading.integer(table, name).map(|number| OptionValue::Number(number as f64))
}

/// Writes a store as fields, but for its secrets; `None` = no table can express it. Options that have no field are lost.
pub(super) fn fields(store: &StoreConfig) -> Option<Vec<(&'static str, Option<Value>)>> {
    let text = |text: &str| Some(Value::from(escape(text)));
    Some(match store {
        #[cfg(feature = "redis")]
        StoreConfig::Redis(config) => {
            let RedisServers::One(RedisAddress::Tcp(host, port)) = &config.servers else { return None };
            let port = Some(*port).filter(|port| *port != RedisConfig::DEFAULT_PORT);
            let database = Some(config.database).filter(|database| *database != 0);
            vec![
                ("type", text("redis")),
                ("host", text(host)),
                ("port", port.map(|port| i64::from(port).into())),
                ("username", config.login.user.as_deref().and_then(text)),
                ("tls", config.tls.as_ref().map(|_| true.into())),
                ("database", database.map(|database| i64::from(database).into())),
            ]
        }
        #[cfg(feature = "dynamodb")]
        StoreConfig::DynamoDb(config) => vec![
            ("type", text("dynamodb")),
            ("table", text(&config.table)),
            ("region", config.region.as_deref().and_then(text)),
            ("role_arn", config.role.as_ref().and_then(|role| text(&role.arn))),
            ("endpoint", config.endpoint.as_deref().and_then(text)),
        ],
        StoreConfig::Local(config) => {
            vec![("type", text("local")), ("path", text(&config.path.display().to_string()))]
        }
        _ => return None,
    })
}
