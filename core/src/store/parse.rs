//! Reads a store from its parts: a store string, or a path, and options given by name.

use std::path::Path;
use std::str::FromStr;

#[cfg(feature = "dynamodb")]
use super::dynamodb::DynamoDbConfig;
use super::local::LocalConfig;
use super::options::{GivenOptions, OptionValue};
#[cfg(feature = "redis")]
use super::redis::RedisConfig;
use super::{Backend, StoreConfig};
use crate::error::{Error, ErrorKind, Result};

/// A store without the options that are given by name.
#[derive(Debug, Clone, Copy)]
pub enum StoreName<'a> {
    /// A store string.
    Text(&'a str),
    /// The path of an embedded store; it is taken literally, even if it holds a `?`.
    Path(&'a Path),
}

impl<'a> From<&'a str> for StoreName<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Path> for StoreName<'a> {
    fn from(path: &'a Path) -> Self {
        Self::Path(path)
    }
}

impl StoreConfig {
    /// Reads a store string: `memory:`, `memory:NAME`, `local:PATH`, `redis://HOST`,
    /// `dynamodb://TABLE`, … with `?option=value&…` after it.
    ///
    /// In `redis://USER:PASSWORD@HOST:PORT/DATABASE`, characters that have a meaning are written
    /// `%XX` (`%40` for `@`). A path is taken literally up to the first `?`; one that holds a `?`
    /// needs [`LocalConfig`] instead.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], saying what is wrong and what was probably meant. Nothing that
    /// could be a password is repeated. [`ErrorKind::Unsupported`] when this build leaves out the
    /// store's feature.
    pub fn parse(text: &str) -> Result<Self> {
        build(StoreName::Text(text), Vec::new())
    }

    /// Reads a store string, or the path of an embedded store, together with options given by name.
    ///
    /// Options by name need no escaping. [`StoreOption::ALL`](super::StoreOption::ALL) lists their
    /// names and types: the options of store strings, and for Redis also `username`, `password`,
    /// `database` and `tls`. With `tls`, `redis` means `rediss`, also for clusters and Sentinel. An
    /// option is given once: in the store string or by name.
    ///
    /// ```
    /// use bigseg::StoreConfig;
    /// use bigseg::store::OptionValue;
    ///
    /// let options = [("password", OptionValue::from("p@ss/word")), ("tls", true.into()), ("database", 2.0.into())];
    /// let store = StoreConfig::from_parts("redis+sentinel://a,b/mymaster", options)?;
    /// assert_eq!(store, StoreConfig::parse("rediss+sentinel://:p%40ss%2Fword@a,b/mymaster/2")?);
    /// # Ok::<(), bigseg::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] for a malformed store string, and for an option that is unknown
    /// to the store, has the wrong type, is out of range, or is given twice. The message does not
    /// repeat a possible password. [`ErrorKind::Unsupported`] if this build lacks the feature of the
    /// store.
    pub fn from_parts<'a, N, V>(
        store: impl Into<StoreName<'a>>,
        options: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self>
    where
        N: Into<String>,
        V: Into<OptionValue>,
    {
        let options = options.into_iter().map(|(name, value)| (name.into(), value.into()));
        build(store.into(), options.collect())
    }
}

impl FromStr for StoreConfig {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

fn build(store: StoreName<'_>, mut named: Vec<(String, OptionValue)>) -> Result<StoreConfig> {
    let text = match store {
        StoreName::Text(text) => text,
        StoreName::Path(path) => {
            let backend = find_backend("local")?;
            let options = collect_options(backend, "", named)?;
            return Ok(StoreConfig::Local(LocalConfig::with_options(path, &options)?));
        }
    };
    let (scheme, rest) = text
        .split_once(':')
        .ok_or_else(|| invalid(format!("a store string begins with a scheme, such as {}", known_forms())))?;
    let backend = take_tls(find_backend(scheme)?, &mut named)?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    if place.starts_with("//") && query.contains('@') {
        // Perhaps the end of a password, of which nothing may be repeated.
        let message = "a ? in a user or password must be written %3F, an @ in an option %40";
        return Err(invalid(format!("{scheme}: {message}")));
    }
    let options = collect_options(backend, query, named)?;
    match backend.scheme {
        "memory" => Ok(StoreConfig::Memory(place.to_owned())),
        #[cfg(feature = "redis")]
        scheme if scheme.starts_with("redis") => {
            Ok(StoreConfig::Redis(Box::new(RedisConfig::parse(scheme, place, &options)?)))
        }
        #[cfg(feature = "dynamodb")]
        "dynamodb" => Ok(StoreConfig::DynamoDb(Box::new(DynamoDbConfig::parse(place, &options)?))),
        _ => Ok(StoreConfig::Local(LocalConfig::with_options(place, &options)?)),
    }
}

fn find_backend(scheme: &str) -> Result<&'static Backend> {
    if let Some(backend) = Backend::all().find(|backend| backend.scheme == scheme) {
        return Ok(backend);
    }
    if let Some(feature) = missing_feature(scheme) {
        let message = format!("{scheme}: this library was built without the feature `{feature}`");
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let schemes = Backend::all().map(|backend| backend.scheme);
    let suggestion = suggest(scheme, schemes, "; did you mean ", ":");
    // A scheme is a short word; anything else might be a secret that lost its beginning.
    let shown = if is_word(scheme) { format!("{scheme:?}") } else { "(not a word)".to_owned() };
    Err(invalid(format!("unknown store scheme {shown}{suggestion}; known are {}", known_forms())))
}

/// Returns the feature that a scheme needs and this build lacks.
fn missing_feature(scheme: &str) -> Option<&'static str> {
    match scheme.split('+').next()? {
        "redis" | "rediss" if cfg!(not(feature = "redis")) => Some("redis"),
        "dynamodb" if cfg!(not(feature = "dynamodb")) => Some("dynamodb"),
        _ => None,
    }
}

/// Takes the option `tls` out of the named options, and returns the backend that it selects.
fn take_tls(backend: &'static Backend, named: &mut Vec<(String, OptionValue)>) -> Result<&'static Backend> {
    let scheme = backend.scheme;
    if !backend.named_options.contains(&TLS) {
        return Ok(backend);
    }
    let mut given = GivenOptions::default();
    let mut is_new = true;
    for (name, value) in named.extract_if(.., |(name, _)| name == TLS) {
        is_new &= given.add(name, value);
    }
    if !is_new {
        return Err(given_twice(scheme, TLS));
    }
    match given.flag(TLS).map_err(|message| invalid(format!("{scheme}: {message}")))? {
        Some(true) if !scheme.starts_with("rediss") => find_backend(&scheme.replacen("redis", "rediss", 1)),
        Some(false) if scheme.starts_with("rediss") => {
            let message = "tls is false, but the scheme asks for encryption; write redis, or leave tls out";
            Err(invalid(format!("{scheme}: {message}")))
        }
        Some(_) | None => Ok(backend),
    }
}

/// The option that is part of the scheme.
const TLS: &str = "tls";

/// Collects the options of the store string and those given by name.
fn collect_options(
    backend: &Backend,
    query: &str,
    named: Vec<(String, OptionValue)>,
) -> Result<GivenOptions> {
    let mut options = GivenOptions::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !backend.options().any(|known| known == name) {
            return Err(unknown_option(backend.scheme, &name, backend.options().collect()));
        }
        if !options.add(name.clone().into_owned(), value.into_owned().into()) {
            return Err(given_twice(backend.scheme, &name));
        }
    }
    for (name, value) in named {
        let known = || backend.options().chain(backend.named_options.iter().copied());
        if !known().any(|known| known == name) {
            return Err(unknown_option(backend.scheme, &name, known().collect()));
        }
        if !options.add(name.clone(), value) {
            return Err(given_twice(backend.scheme, &name));
        }
    }
    Ok(options)
}

fn unknown_option(scheme: &str, name: &str, known: Vec<&str>) -> Error {
    // Anything but a short word might be a secret that lost its name.
    let shown = if is_option_name(name) { format!("{name:?}") } else { "(not a word)".to_owned() };
    let suggestion = suggest(name, known.iter().copied(), "; did you mean ", "?");
    let known =
        if known.is_empty() { "it takes none".to_owned() } else { format!("it takes {}", known.join(", ")) };
    invalid(format!("{scheme}: unknown option {shown}{suggestion} ({known})"))
}

fn given_twice(scheme: &str, name: &str) -> Error {
    invalid(format!("{scheme}: option {name:?} is given twice"))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

fn known_forms() -> String {
    Backend::all().map(|backend| backend.form).collect::<Vec<_>>().join(", ")
}

fn is_word(text: &str) -> bool {
    text.len() <= 24 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn is_option_name(text: &str) -> bool {
    text.len() <= 32 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Words a guess at what was meant; empty when nothing is near.
fn suggest<'a>(given: &str, known: impl Iterator<Item = &'a str>, before: &str, after: &str) -> String {
    known
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, name)| format!("{before}{name}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_literally() {
        let store = StoreConfig::from_parts(Path::new("/tmp/a?b#c"), [("map_size", "2M")]).unwrap();
        let expected = LocalConfig { map_size: 2 << 20, ..LocalConfig::new("/tmp/a?b#c") };
        assert_eq!(store, StoreConfig::Local(expected));
    }

    #[test]
    fn an_option_is_given_once_by_name() {
        let error = StoreConfig::from_parts("local:/p", [("map_size", "2M"); 2]).unwrap_err();
        assert_eq!(error.message(), "local: option \"map_size\" is given twice");
    }

    #[test]
    #[cfg(not(feature = "dynamodb"))]
    fn a_store_that_this_build_leaves_out_names_its_feature() {
        let error = StoreConfig::parse("dynamodb://table").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("without the feature `dynamodb`"), "{error}");
    }

    #[test]
    #[cfg(not(feature = "redis"))]
    fn every_redis_scheme_that_this_build_leaves_out_names_its_feature() {
        for scheme in ["redis", "rediss", "redis+unix", "rediss+cluster"] {
            let error = StoreConfig::parse(&format!("{scheme}://host")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains("without the feature `redis`"), "{error}");
        }
    }
}
