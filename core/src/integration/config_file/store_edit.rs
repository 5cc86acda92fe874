//! Rewrites the store of an integration in the syntax that the file uses. Secrets that the new
//! store string leaves out are taken over from the current store, so that no editor needs to see
//! them.

use toml_edit::TableLike;

use super::env_vars::escape;
use super::store_fields::{self, FieldEdit, StoreShape, URL};
use crate::error::{Error, ErrorKind, Result};
use crate::store::StoreConfig;
#[cfg(feature = "redis")]
use crate::store::redis::{KeyPrefix, RedisConfig, RedisLogin, RedisServers};

/// A store in the syntax of the file.
pub(super) enum StoreSyntax {
    /// A store string.
    String(String),
    /// Edits of the fields of a table; fields without an edit stay.
    Fields(Vec<FieldEdit>),
}

/// A store that replaces the current one.
pub(super) struct NewStore {
    pub(super) config: StoreConfig,
    pub(super) syntax: StoreSyntax,
    /// The value for the field `prefix` of the integration, if it has that field.
    pub(super) prefix: Option<String>,
}

/// A secret of a store.
struct Secret<'a> {
    /// The name of its option in a store string and of its field in a table. The password is an
    /// exception: in a store string it is part of the login.
    name: &'static str,
    value: &'a mut Option<String>,
    /// The server, user and encryption with which the secret is sent.
    destination: String,
}

/// The name of the secret that is part of the login.
const PASSWORD: &str = "password";

/// Returns the secrets of a store, whether or not they have a value.
fn secrets(store: &mut StoreConfig) -> Vec<Secret<'_>> {
    match store {
        #[cfg(feature = "redis")]
        StoreConfig::Redis(config) => redis_secrets(config),
        #[cfg(feature = "dynamodb")]
        StoreConfig::DynamoDb(config) => {
            let endpoint = config.endpoint.clone().unwrap_or_default();
            let role = config.role.iter_mut().map(|role| Secret {
                name: "external_id",
                destination: format!("{} at {endpoint}", role.arn),
                value: &mut role.external_id,
            });
            role.collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(feature = "redis")]
fn redis_secrets(config: &mut RedisConfig) -> Vec<Secret<'_>> {
    let servers = describe_servers(config);
    let destination =
        |login: &RedisLogin| format!("{} at {servers}", login.user.as_deref().unwrap_or_default());
    let mut secrets = vec![Secret {
        name: PASSWORD,
        destination: destination(&config.login),
        value: &mut config.login.password,
    }];
    if let RedisServers::Sentinel(sentinels) = &mut config.servers {
        secrets.push(Secret {
            name: "sentinel_password",
            destination: destination(&sentinels.login),
            value: &mut sentinels.login.password,
        });
    }
    secrets
}

/// Describes the servers of a store and the encryption of the connection.
#[cfg(feature = "redis")]
fn describe_servers(config: &RedisConfig) -> String {
    let mut servers = RedisConfig { tls: config.tls.clone(), ..RedisConfig::new(config.servers.clone()) };
    if let RedisServers::Sentinel(sentinels) = &mut servers.servers {
        sentinels.login = RedisLogin::default();
    }
    servers.to_string()
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("store: {message}"))
}

/// Rewrites the store of the integration in `table` as the store string `text` says.
pub(super) fn rewrite(table: &dyn TableLike, current: &StoreConfig, text: &str) -> Result<NewStore> {
    let mut typed = StoreConfig::parse(text)?;
    let mut config = typed.clone();
    let kept = keep_secrets(&mut current.clone(), &mut config)?;
    let prefix = if table.contains_key("prefix") { take_prefix(&mut typed) } else { None };
    let syntax = match StoreShape::of(table.get("store")) {
        StoreShape::Table(fields) if fields.contains_key(URL) => {
            StoreSyntax::Fields(to_fields_with_url(&mut typed, &kept, fields)?)
        }
        StoreShape::Table(_) => StoreSyntax::Fields(to_fields(&mut typed, &kept)?),
        StoreShape::String | StoreShape::Missing => {
            let raw = table.get("store").and_then(|item| item.as_str()).unwrap_or_default();
            StoreSyntax::String(to_store_string(&mut typed, &kept, raw)?)
        }
    };
    Ok(NewStore { config, syntax, prefix })
}

/// Copies the secrets that `next` lacks from `current`; returns the names of those copied.
///
/// A secret is copied only if its destination is the same. Otherwise anyone who may edit the file
/// could have the secret sent to a server of their own.
fn keep_secrets(current: &mut StoreConfig, next: &mut StoreConfig) -> Result<Vec<&'static str>> {
    let mut kept = Vec::new();
    let known = secrets(current);
    for secret in secrets(next) {
        let known = known.iter().find(|known| known.name == secret.name && known.value.is_some());
        let Some(known) = known.filter(|_| secret.value.is_none()) else { continue };
        if secret.destination != known.destination {
            return Err(invalid(&format!(
                "the {} must be re-entered: the server, user, encryption or role changed",
                secret.name
            )));
        }
        secret.value.clone_from(known.value);
        kept.push(secret.name);
    }
    Ok(kept)
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

/// Writes a store string with three kinds of parts: everything but the secrets, the secrets of
/// `typed`, and the `kept` secrets as they are written in `raw`, the current store string.
fn to_store_string(typed: &mut StoreConfig, kept: &[&str], raw: &str) -> Result<String> {
    let mut text = escape(&typed.to_string());
    for secret in secrets(typed) {
        if let Some(value) = secret.value {
            text = with_secret(&text, secret.name, &escape(&encode(value)));
        }
    }
    for name in kept {
        let found = if *name == PASSWORD { raw_password(raw) } else { raw_option(raw, name) };
        let found = found.ok_or_else(|| {
            invalid("its secret is in a variable together with other parts; change the variable instead")
        })?;
        text = with_secret(&text, name, found);
    }
    Ok(text)
}

/// Returns the edits of a table; the fields of `kept` secrets stay.
fn to_fields(typed: &mut StoreConfig, kept: &[&'static str]) -> Result<Vec<FieldEdit>> {
    let mut fields = store_fields::to_fields(typed).ok_or_else(not_expressible)?;
    for secret in secrets(typed) {
        if let Some(value) = secret.value {
            fields.push((secret.name, Some(escape(value).into())));
        }
    }
    remove_other_fields(&mut fields, kept);
    Ok(fields)
}

/// Returns the edits of a table with a store string. The store string then contains everything but
/// the secrets that have a field of their own.
fn to_fields_with_url(
    typed: &mut StoreConfig,
    kept: &[&'static str],
    table: &dyn TableLike,
) -> Result<Vec<FieldEdit>> {
    let raw = table.get(URL).and_then(|item| item.as_str()).unwrap_or_default();
    let kept_in_url: Vec<&str> = kept.iter().copied().filter(|name| !table.contains_key(name)).collect();
    let mut fields = vec![(URL, Some(to_store_string(typed, &kept_in_url, raw)?.into()))];
    remove_other_fields(&mut fields, kept);
    Ok(fields)
}

/// Adds the removal of all fields that neither have a new value nor hold a `kept` secret.
fn remove_other_fields(fields: &mut Vec<FieldEdit>, kept: &[&str]) {
    for name in store_fields::all_fields() {
        if !kept.contains(&name) && !fields.iter().any(|(known, _)| *known == name) {
            fields.push((name, None));
        }
    }
}

/// Returns the error for a store that the fields of a table cannot express.
pub(super) fn not_expressible() -> Error {
    invalid("the file writes it as single fields, which cannot express that; edit the file instead")
}

/// Inserts a secret into a store string.
fn with_secret(text: &str, name: &str, secret: &str) -> String {
    if name != PASSWORD {
        let separator = if text.contains('?') { '&' } else { '?' };
        return format!("{text}{separator}{name}={secret}");
    }
    let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{}:{secret}{}", &rest[..at], &rest[at..]),
        None => format!("{scheme}://:{secret}@{rest}"),
    }
}

/// Escapes a text so that it has no special meaning in a store string.
fn encode(text: &str) -> String {
    // A space becomes a plus, which stands for itself within a login.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Returns the password in a store string, as it is written there.
fn raw_password(raw: &str) -> Option<&str> {
    let (_, rest) = raw.split_once("://")?;
    let (login, _) = rest.split('/').next()?.rsplit_once('@')?;
    Some(login.split_once(':')?.1)
}

/// Returns the value of an option in a store string, as it is written there.
fn raw_option<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    let (_, options) = raw.split_once('?')?;
    options.split('&').find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
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
        assert_eq!(with_secret("redis://host/1", PASSWORD, "${P}"), "redis://:${P}@host/1");
        assert_eq!(with_secret("redis://u@host?prefix=a@b", PASSWORD, "p"), "redis://u:p@host?prefix=a@b");
        assert_eq!(raw_option("dynamodb://t?a=1&external_id=${E}&b=2", "external_id"), Some("${E}"));
        assert_eq!(with_secret("dynamodb://t", "external_id", "x"), "dynamodb://t?external_id=x");
    }

    #[cfg(all(feature = "redis", feature = "dynamodb"))]
    #[test]
    fn a_secret_is_kept_only_for_the_same_destination() {
        let role = "role_arn=arn:aws:iam::123456789012:role";
        for (current, next, kept) in [
            ("redis://u:p@host", "redis://u@host/1?prefix=x", Some(vec![PASSWORD])),
            ("redis://u:p@host", "redis://u:q@other", Some(vec![])),
            ("redis://u:p@host", "redis://u@other", None),
            ("redis://u:p@host", "redis://other@host", None),
            ("rediss://u:p@host", "redis://u@host", None),
            ("rediss://u:p@host", "rediss://u@host?ca_file=/mine", None),
            ("redis://host", "redis://other", Some(vec![])),
            (
                "redis+sentinel://a/m?sentinel_password=p",
                "redis+sentinel://a/m/1",
                Some(vec!["sentinel_password"]),
            ),
            ("redis+sentinel://a/m?sentinel_password=p", "redis+sentinel://b/m", None),
            ("redis://:p@host", "memory:x", Some(vec![])),
            (
                &format!("dynamodb://table?{role}/a&external_id=p"),
                &format!("dynamodb://other?{role}/a"),
                Some(vec!["external_id"]),
            ),
            (
                &format!("dynamodb://table?{role}/a&external_id=p"),
                &format!("dynamodb://table?{role}/b"),
                None,
            ),
            (
                &format!("dynamodb://table?{role}/a&external_id=p"),
                &format!("dynamodb://table?{role}/a&endpoint=http://evil"),
                None,
            ),
        ] {
            let parse = |text: &str| StoreConfig::parse(text).unwrap();
            assert_eq!(keep_secrets(&mut parse(current), &mut parse(next)).ok(), kept, "{current} {next}");
        }
    }
}
