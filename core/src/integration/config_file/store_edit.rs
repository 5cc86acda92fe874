//! How a store that was changed is written into the file, without a secret having been shown to whoever changed it.

use toml_edit::{TableLike, Value};

use super::env_vars::escape;
use super::store_fields::{self, StoreShape, URL};
use crate::error::{Error, ErrorKind, Result};
use crate::store::StoreConfig;
#[cfg(feature = "redis")]
use crate::store::redis::{KeyPrefix, RedisConfig, RedisLogin, RedisServers};

/// A store as the file is to spell it.
pub(in crate::integration) enum Spelling {
    /// As a store string.
    String(String),
    /// As a table of fields; those without a value are removed, those not named stay.
    Fields(Vec<(&'static str, Option<Value>)>),
}

/// A secret of a store.
struct Secret<'a> {
    /// The option of the store string and the field of the table that holds it; the password of a login has no option.
    name: &'static str,
    value: &'a mut Option<String>,
    /// Whom it is told, and how well it is kept from others.
    recipient: String,
}

/// The name of the secret that stands in the login.
const PASSWORD: &str = "password";

/// Returns the places for a store's secrets.
fn secrets(store: &mut StoreConfig) -> Vec<Secret<'_>> {
    match store {
        #[cfg(feature = "redis")]
        StoreConfig::Redis(config) => {
            let servers = recipient(config);
            let told =
                |login: &RedisLogin| format!("{} at {servers}", login.user.as_deref().unwrap_or_default());
            let login = told(&config.login);
            let mut secrets =
                vec![Secret { name: PASSWORD, value: &mut config.login.password, recipient: login }];
            if let RedisServers::Sentinel(sentinels) = &mut config.servers {
                let recipient = told(&sentinels.login);
                let value = &mut sentinels.login.password;
                secrets.push(Secret { name: "sentinel_password", value, recipient });
            }
            secrets
        }
        #[cfg(feature = "dynamodb")]
        StoreConfig::DynamoDb(config) => {
            let endpoint = config.endpoint.clone().unwrap_or_default();
            config
                .role
                .iter_mut()
                .map(|role| Secret {
                    name: "external_id",
                    recipient: format!("{} at {endpoint}", role.arn),
                    value: &mut role.external_id,
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Names the servers of a store, and how they are spoken to.
#[cfg(feature = "redis")]
fn recipient(config: &RedisConfig) -> String {
    let mut servers = RedisConfig { tls: config.tls.clone(), ..RedisConfig::new(config.servers.clone()) };
    if let RedisServers::Sentinel(sentinels) = &mut servers.servers {
        sentinels.login = RedisLogin::default();
    }
    servers.to_string()
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("store: {message}"))
}

/// Spells a changed store in the form that the file uses, with the prefix in the field of its own if there is one; returns also
/// the store with all its secrets.
pub(in crate::integration) fn respell(
    table: &dyn TableLike,
    present: &StoreConfig,
    text: &str,
) -> Result<(Spelling, Option<String>, StoreConfig)> {
    let mut typed = StoreConfig::parse(text)?;
    let mut next = typed.clone();
    let kept = keep_secrets(&mut present.clone(), &mut next)?;
    let prefix = table.contains_key("prefix").then(|| take_prefix(&mut typed)).flatten();
    let spelling = match StoreShape::of(table.get("store")) {
        StoreShape::Table(present) if present.contains_key(URL) => {
            Spelling::Fields(fields_with_url(&mut typed, &kept, present)?)
        }
        StoreShape::Table(_) => Spelling::Fields(fields(&mut typed, &kept)?),
        _ => {
            let raw = table.get("store").and_then(|item| item.as_str()).unwrap_or_default();
            Spelling::String(string(&mut typed, &kept, raw)?)
        }
    };
    Ok((spelling, prefix, next))
}

/// Completes a store with the secrets that it lacks and the present one has; returns the names of those that were taken over.
fn keep_secrets(present: &mut StoreConfig, next: &mut StoreConfig) -> Result<Vec<&'static str>> {
    let mut kept = Vec::new();
    let known = secrets(present);
    for secret in secrets(next) {
        let Some(known) = known.iter().find(|known| known.name == secret.name && known.value.is_some())
        else {
            continue;
        };
        if secret.value.is_some() {
            continue;
        }
        if secret.recipient != known.recipient {
            // Or whoever may edit could have it sent to a server of his own.
            return Err(invalid(&format!(
                "the {} must be given again, because whom it is told changes (user, servers, encryption or role)",
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

/// Spells a store string: without secrets as it shows itself, then those that were typed, and those that stay as they stood.
fn string(typed: &mut StoreConfig, kept: &[&str], raw: &str) -> Result<String> {
    let mut spelled = escape(&typed.to_string());
    for secret in secrets(typed) {
        if let Some(value) = secret.value {
            spelled = with_secret(&spelled, secret.name, &escape(&encode(value)));
        }
    }
    for name in kept {
        let found = if *name == PASSWORD { raw_password(raw) } else { raw_option(raw, name) };
        let lost = || {
            invalid("its secret stands in a variable together with other things; change the variable instead")
        };
        spelled = with_secret(&spelled, name, found.ok_or_else(lost)?);
    }
    Ok(spelled)
}

/// Spells the fields of a table; the field of a secret that stays is not touched.
fn fields(typed: &mut StoreConfig, kept: &[&'static str]) -> Result<Vec<(&'static str, Option<Value>)>> {
    let mut fields = store_fields::fields(typed).ok_or_else(too_rich)?;
    for secret in secrets(typed) {
        if let Some(value) = secret.value {
            fields.push((secret.name, Some(escape(value).into())));
        }
    }
    remove_others(&mut fields, kept);
    Ok(fields)
}

/// Spells the fields of a table with a store string, which then says everything but the secrets that stay in their fields.
fn fields_with_url(
    typed: &mut StoreConfig,
    kept: &[&'static str],
    present: &dyn TableLike,
) -> Result<Vec<(&'static str, Option<Value>)>> {
    let raw = present.get(URL).and_then(|item| item.as_str()).unwrap_or_default();
    let kept_in_url: Vec<&str> = kept.iter().copied().filter(|name| !present.contains_key(name)).collect();
    let mut fields = vec![(URL, Some(string(typed, &kept_in_url, raw)?.into()))];
    remove_others(&mut fields, kept);
    Ok(fields)
}

/// Removes the fields that neither have a new value nor hold a secret that stays.
fn remove_others(fields: &mut Vec<(&'static str, Option<Value>)>, kept: &[&str]) {
    for field in store_fields::every_field() {
        if !kept.contains(&field) && !fields.iter().any(|(known, _)| *known == field) {
            fields.push((field, None));
        }
    }
}

/// Says that the fields of a table cannot express a store.
pub(in crate::integration) fn too_rich() -> Error {
    invalid("the file writes it as single fields, which cannot express that; edit the file instead")
}

/// Puts a secret into a store string.
fn with_secret(spelled: &str, name: &str, secret: &str) -> String {
    if name != PASSWORD {
        let mark = if spelled.contains('?') { '&' } else { '?' };
        return format!("{spelled}{mark}{name}={secret}");
    }
    let (scheme, rest) = spelled.split_once("://").unwrap_or((spelled, ""));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{}:{secret}{}", &rest[..at], &rest[at..]),
        None => format!("{scheme}://:{secret}@{rest}"),
    }
}

/// Writes a text so that it has no meaning in a store string.
fn encode(text: &str) -> String {
    // A space would become a plus, which is itself within a login.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
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
    fn a_secret_is_kept_for_whom_it_is_meant_only() {
        let role = "role_arn=arn:aws:iam::123456789012:role";
        for (present, next, kept) in [
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
            assert_eq!(keep_secrets(&mut parse(present), &mut parse(next)).ok(), kept, "{present} {next}");
        }
    }
}
