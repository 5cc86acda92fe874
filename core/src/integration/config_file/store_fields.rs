//! The store of an integration written as a table of fields, so that a password needs no escaping.

use toml_edit::{Item, TableLike, Value};

use super::env_vars::escape;
use super::parse::Reading;
use crate::store::StoreConfig;
#[cfg(feature = "redis")]
use crate::store::redis::{RedisAddress, RedisConfig, RedisServers};

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

/// The fields of each type of store, after `type`.
const REDIS_FIELDS: &[&str] = &["host", "port", "username", "password", "tls", "database"];
const DYNAMODB_FIELDS: &[&str] = &["table", "region", "role_arn", "external_id", "endpoint"];
const LOCAL_FIELDS: &[&str] = &["path"];

/// Returns the fields of every type of store.
pub(super) fn every_field() -> impl Iterator<Item = &'static str> {
    [REDIS_FIELDS, DYNAMODB_FIELDS, LOCAL_FIELDS].into_iter().flatten().copied()
}

/// Writes the table as a store string, secrets included.
pub(super) fn spell(reading: &mut Reading<'_>, table: &dyn TableLike, header: usize) -> Option<String> {
    let kind = reading.string(table, "type");
    let fields = match kind.as_deref() {
        Some("redis") => REDIS_FIELDS,
        Some("dynamodb") => DYNAMODB_FIELDS,
        Some("local") => LOCAL_FIELDS,
        Some(_) => {
            let line = reading.line_of(table, "type", header);
            reading.complain(line, "type must be redis, dynamodb or local; other stores need a store string");
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
    // Read in any case, so that everything that is wrong is said at once.
    let place = main.as_deref().unwrap_or_default();
    let spelled = match kind.as_deref() {
        Some("redis") => spell_redis(reading, table, place),
        Some("dynamodb") => spell_dynamodb(reading, table, place),
        _ => format!("local:{place}"),
    };
    if main
        .as_deref()
        .is_some_and(|place| fields != LOCAL_FIELDS && place.contains(['@', '/', '?', '#', ',', '%']))
    {
        // It might be a password that went astray, or hide an option.
        let line = reading.line_of(table, needed, header);
        reading.complain(line, format!("{needed} must be a name and nothing else"));
        return None;
    }
    main.map(|_| spelled)
}

fn spell_redis(reading: &mut Reading<'_>, table: &dyn TableLike, host: &str) -> String {
    let scheme = if reading.boolean(table, "tls") == Some(true) { "rediss" } else { "redis" };
    let login = match (reading.string(table, "username"), reading.string(table, "password")) {
        (None, None) => String::new(),
        (user, None) => format!("{}@", encode(&user.unwrap_or_default())),
        (user, Some(password)) => format!("{}:{}@", encode(&user.unwrap_or_default()), encode(&password)),
    };
    let host =
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let port = reading.integer(table, "port").map_or_else(String::new, |port| format!(":{port}"));
    let database = reading.integer(table, "database").map_or_else(String::new, |number| format!("/{number}"));
    format!("{scheme}://{login}{host}{port}{database}")
}

fn spell_dynamodb(reading: &mut Reading<'_>, table: &dyn TableLike, name: &str) -> String {
    let mut spelled = format!("dynamodb://{name}");
    for option in &DYNAMODB_FIELDS[1..] {
        if let Some(value) = reading.string(table, option) {
            let mark = if spelled.contains('?') { '&' } else { '?' };
            spelled.push_str(&format!("{mark}{option}={}", encode(&value)));
        }
    }
    spelled
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

/// Writes a text so that it has no meaning in a store string.
pub(super) fn encode(text: &str) -> String {
    // A space would become a plus, which is itself within a login.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}
