//! How a store that was changed is written into the file, without a secret having been shown to whoever changed it.

use toml_edit::{TableLike, Value};

use super::store_table::{StoreShape, encode};
use super::substitution::escape;
use crate::error::{Error, ErrorKind, Result};
use crate::store::StoreConfig;
#[cfg(feature = "redis")]
use crate::store::redis::{KeyPrefix, RedisAddress, RedisConfig, RedisServers};

/// A store as the file is to spell it.
#[derive(Default)]
pub(super) struct Spelling {
    /// The field `prefix` of the integration, if it has one.
    pub(super) prefix: Option<String>,
    /// The field `store`, if it is a string.
    pub(super) string: String,
    /// The fields of the table `store`; `None` = to be removed.
    pub(super) fields: Option<Vec<(&'static str, Option<Value>)>>,
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("store: {message}"))
}

/// Where a secret that stays is found, in the text of the file.
enum Secret {
    Password,
    Option(&'static str),
}

/// Completes a store with the secrets that it lacks and the present one has; returns which were taken over.
fn keep_secrets(present: &StoreConfig, next: &mut StoreConfig) -> Result<Vec<Secret>> {
    let mut kept: Vec<Secret> = Vec::new();
    match (present, next) {
        #[cfg(feature = "redis")]
        (StoreConfig::Redis(present), StoreConfig::Redis(next)) => {
            if next.login.password.is_none() && next.login.user == present.login.user {
                next.login.password.clone_from(&present.login.password);
                kept.extend(next.login.password.iter().map(|_| Secret::Password));
            }
            let is_elsewhere = next.login_target() != present.login_target();
            if let (RedisServers::Sentinel(present), RedisServers::Sentinel(next)) =
                (&present.servers, &mut next.servers)
                && next.login.password.is_none()
                && next.login.user == present.login.user
            {
                next.login.password.clone_from(&present.login.password);
                kept.extend(next.login.password.iter().map(|_| Secret::Option("sentinel_password")));
            }
            if is_elsewhere && !kept.is_empty() {
                // Or whoever may edit could send the password to a server of his own.
                return Err(invalid(
                    "the servers or their encryption change, so the password must be given again",
                ));
            }
        }
        #[cfg(feature = "dynamodb")]
        (StoreConfig::DynamoDb(present), StoreConfig::DynamoDb(next)) => {
            if let (Some(role), Some(next_role)) = (&present.role, &mut next.role)
                && next_role.external_id.is_none()
                && role.external_id.is_some()
            {
                if role.arn != next_role.arn || present.endpoint != next.endpoint {
                    return Err(invalid(
                        "the role or the endpoint changes, so the external_id must be given again",
                    ));
                }
                next_role.external_id.clone_from(&role.external_id);
                kept.push(Secret::Option("external_id"));
            }
        }
        _ => {}
    }
    Ok(kept)
}

#[cfg(feature = "redis")]
impl RedisConfig {
    /// Returns whom a login is sent to, and how well it is kept from others.
    fn login_target(&self) -> String {
        let mut servers = Self { tls: self.tls.clone(), ..Self::new(self.servers.clone()) };
        if let RedisServers::Sentinel(sentinels) = &mut servers.servers {
            sentinels.login = Default::default();
        }
        servers.to_string()
    }
}

/// Spells a changed store in the form that the file uses; returns also the store with all its secrets.
pub(super) fn respell(
    table: &dyn TableLike,
    present: &StoreConfig,
    text: &str,
) -> Result<(Spelling, StoreConfig)> {
    let mut typed = StoreConfig::parse(text)?;
    let mut next = typed.clone();
    let kept = keep_secrets(present, &mut next)?;
    let prefix = table.contains_key("prefix").then(|| take_prefix(&mut typed)).flatten();
    let mut spelling = Spelling { prefix, ..Spelling::default() };
    match StoreShape::of(table.get("store")) {
        StoreShape::Table(_) => spelling.fields = Some(fields(&typed, !kept.is_empty())?),
        _ => {
            let raw = table.get("store").and_then(|item| item.as_str()).unwrap_or_default();
            spelling.string = string(&typed, &kept, raw)?;
        }
    }
    Ok((spelling, next))
}

/// Takes the prefix out of a store, if the field `prefix` can express it.
fn take_prefix(store: &mut StoreConfig) -> Option<String> {
    match store {
        #[cfg(feature = "redis")]
        StoreConfig::Redis(config) => match std::mem::take(&mut config.prefix) {
            KeyPrefix::Named(prefix) => Some(prefix),
            raw @ KeyPrefix::Raw(_) => {
                config.prefix = raw;
                None
            }
        },
        #[cfg(feature = "dynamodb")]
        StoreConfig::DynamoDb(config) => Some(std::mem::take(&mut config.prefix)),
        _ => None,
    }
}

/// Spells a store string: without secrets as it shows itself, then those that were typed, and those that stay as they stood.
fn string(typed: &StoreConfig, kept: &[Secret], raw: &str) -> Result<String> {
    let mut spelled = escape(&typed.to_string());
    match typed {
        #[cfg(feature = "redis")]
        StoreConfig::Redis(config) => {
            if let Some(password) = &config.login.password {
                spelled = with_password(&spelled, &escape(&encode(password)));
            }
            if let RedisServers::Sentinel(sentinels) = &config.servers
                && let Some(password) = &sentinels.login.password
            {
                spelled = with_option(&spelled, "sentinel_password", &escape(&encode(password)));
            }
        }
        #[cfg(feature = "dynamodb")]
        StoreConfig::DynamoDb(config) => {
            if let Some(id) = config.role.as_ref().and_then(|role| role.external_id.as_ref()) {
                spelled = with_option(&spelled, "external_id", &escape(&encode(id)));
            }
        }
        _ => {}
    }
    let lost = || invalid("the secret stands in a variable together with other things; change the variable");
    for secret in kept {
        spelled = match secret {
            Secret::Password => with_password(&spelled, raw_password(raw).ok_or_else(lost)?),
            Secret::Option(name) => with_option(&spelled, name, raw_option(raw, name).ok_or_else(lost)?),
        };
    }
    Ok(spelled)
}

fn with_password(spelled: &str, password: &str) -> String {
    let (scheme, rest) = spelled.split_once("://").unwrap_or((spelled, ""));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{}:{password}{}", &rest[..at], &rest[at..]),
        None => format!("{scheme}://:{password}@{rest}"),
    }
}

fn with_option(spelled: &str, name: &str, value: &str) -> String {
    let mark = if spelled.contains('?') { '&' } else { '?' };
    format!("{spelled}{mark}{name}={value}")
}

/// Cuts the password out of a store string as the file has it.
fn raw_password(raw: &str) -> Option<&str> {
    let (_, rest) = raw.split_once("://")?;
    let (login, _) = rest.split('/').next()?.rsplit_once('@')?;
    Some(login.split_once(':')?.1)
}

/// Cuts the value of an option out of it.
fn raw_option<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    let (_, options) = raw.split_once('?')?;
    options.split('&').find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
}

/// Spells the fields of a table; the secret's stands as it is if it stays.
fn fields(typed: &StoreConfig, keeps_secret: bool) -> Result<Vec<(&'static str, Option<Value>)>> {
    let text = |text: &str| Some(Value::from(escape(text)));
    let secret = |name: &'static str, value: Option<&String>| match (keeps_secret, value) {
        (true, _) => None,
        (false, value) => Some((name, value.and_then(|value| text(value)))),
    };
    let mut fields: Vec<(&'static str, Option<Value>)> = match typed {
        #[cfg(feature = "redis")]
        StoreConfig::Redis(config) => {
            let RedisServers::One(RedisAddress::Tcp(host, port)) = &config.servers else {
                return Err(too_rich());
            };
            let default = *port == RedisConfig::DEFAULT_PORT;
            vec![
                ("type", text("redis")),
                ("host", text(host)),
                ("port", (!default).then(|| i64::from(*port).into())),
                ("username", config.login.user.as_ref().and_then(|user| text(user))),
                ("tls", config.tls.is_some().then(|| true.into())),
                ("database", (config.database != 0).then(|| i64::from(config.database).into())),
            ]
        }
        #[cfg(feature = "dynamodb")]
        StoreConfig::DynamoDb(config) => vec![
            ("type", text("dynamodb")),
            ("table", text(&config.table)),
            ("region", config.region.as_ref().and_then(|region| text(region))),
            ("role_arn", config.role.as_ref().and_then(|role| text(&role.arn))),
            ("endpoint", config.endpoint.as_ref().and_then(|endpoint| text(endpoint))),
        ],
        StoreConfig::Local(config) => {
            vec![("type", text("local")), ("path", text(&config.path.display().to_string()))]
        }
        _ => return Err(too_rich()),
    };
    match typed {
        #[cfg(feature = "redis")]
        StoreConfig::Redis(config) => fields.extend(secret("password", config.login.password.as_ref())),
        #[cfg(feature = "dynamodb")]
        StoreConfig::DynamoDb(config) => {
            let id = config.role.as_ref().and_then(|role| role.external_id.as_ref());
            fields.extend(secret("external_id", id));
        }
        _ => {}
    }
    // Fields of another type of store go.
    let every = [
        super::store_table::REDIS_FIELDS,
        super::store_table::DYNAMODB_FIELDS,
        super::store_table::LOCAL_FIELDS,
    ];
    let keeps = if keeps_secret { ["password", "external_id"].as_slice() } else { &[] };
    for field in every.concat() {
        if !keeps.contains(&field) && !fields.iter().any(|(known, _)| *known == field) {
            fields.push((field, None));
        }
    }
    Ok(fields)
}

/// Says that the fields of a table cannot express a store.
pub(super) fn too_rich() -> Error {
    invalid("the file writes this store as single fields, which cannot express that; edit the file instead")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut_out_and_put_back() {
        for (raw, password) in [
            ("redis://:${P}@host", Some("${P}")),
            ("redis://user:a:b@host:1/2?prefix=x", Some("a:b")),
            ("redis://user@host", None),
            ("${URL}", None),
        ] {
            assert_eq!(raw_password(raw), password, "{raw}");
        }
        assert_eq!(with_password("redis://host/1", "${P}"), "redis://:${P}@host/1");
        assert_eq!(with_password("redis://u@host?prefix=a@b", "p"), "redis://u:p@host?prefix=a@b");
        assert_eq!(raw_option("dynamodb://t?a=1&external_id=${E}&b=2", "external_id"), Some("${E}"));
        assert_eq!(with_option("dynamodb://t", "external_id", "x"), "dynamodb://t?external_id=x");
    }
}
