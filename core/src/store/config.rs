//! Store strings: one line that names a store, and the only list of backends.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

#[cfg(feature = "dynamodb")]
use super::dynamodb::{DynamoDbConfig, DynamoDbReader, DynamoDbScanner, DynamoDbWriter};
use super::local::{LocalConfig, LocalReader, LocalWriter};
use super::memory::MemoryStore;
#[cfg(feature = "redis")]
use super::redis::{RedisConfig, RedisReader, RedisScanner, RedisWriter};
use super::{StoreReader, StoreScanner, StoreWriter};
use crate::error::{Error, ErrorKind, Result};

/// A kind of store, as a store string names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend {
    /// What stands before the first colon.
    pub scheme: &'static str,
    /// What a store string of this kind looks like.
    pub form: &'static str,
    /// The options that may follow a `?`, in lists that backends share.
    pub option_lists: &'static [&'static [&'static str]],
}

impl Backend {
    /// Returns the options that may follow a `?`.
    pub fn options(&self) -> impl Iterator<Item = &'static str> {
        self.option_lists.iter().copied().flatten().copied()
    }

    /// Returns every backend of this build.
    pub fn all() -> impl Iterator<Item = &'static Backend> {
        let families: &[&[Backend]] = &[
            MemoryStore::BACKENDS,
            LocalConfig::BACKENDS,
            #[cfg(feature = "redis")]
            RedisConfig::BACKENDS,
            #[cfg(feature = "dynamodb")]
            DynamoDbConfig::BACKENDS,
        ];
        families.iter().copied().flatten()
    }
}

/// Which store to use; made from a store string, or by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreConfig {
    /// A store in this process's memory; the name may be empty (a private store).
    Memory(String),
    /// An embedded store.
    Local(LocalConfig),
    /// A store in Redis.
    #[cfg(feature = "redis")]
    Redis(Box<RedisConfig>),
    /// A store in DynamoDB.
    #[cfg(feature = "dynamodb")]
    DynamoDb(Box<DynamoDbConfig>),
}

impl StoreConfig {
    /// Reads a store string: `memory:`, `memory:NAME`, `local:PATH`, `redis://HOST`, `dynamodb://TABLE`, … with `?option=value&…` after it.
    ///
    /// In `redis://USER:PASSWORD@HOST:PORT/DATABASE`, characters that have a meaning are written `%XX` (`%40` for `@`).
    /// A path is taken literally up to the first `?`; one that holds a `?` needs [`LocalConfig`] instead.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], saying what is wrong and what was probably meant. Nothing that could be a
    /// password is repeated.
    pub fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once(':').ok_or_else(|| {
            invalid(format!("a store string begins with a scheme, such as {}", known_forms()))
        })?;
        let backend = Backend::all().find(|backend| backend.scheme == scheme).ok_or_else(|| {
            let schemes = Backend::all().map(|backend| backend.scheme);
            let suggestion = suggest(scheme, schemes, "; did you mean ", ":");
            // A scheme is a short word; anything else might be a secret that lost its beginning.
            let shown = if is_word(scheme) { format!("{scheme:?}") } else { "(not a word)".to_owned() };
            invalid(format!("unknown store scheme {shown}{suggestion}; known are {}", known_forms()))
        })?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        if place.starts_with("//") && query.contains('@') {
            // Perhaps the end of a password, of which nothing may be repeated.
            let message = "a ? in a user or password must be written %3F, an @ in an option %40";
            return Err(invalid(format!("{scheme}: {message}")));
        }
        let options = parse_options(backend, query)?;
        match backend.scheme {
            "memory" => Ok(Self::Memory(place.to_owned())),
            #[cfg(feature = "redis")]
            scheme if scheme.starts_with("redis") => {
                Ok(Self::Redis(Box::new(RedisConfig::parse(scheme, place, &options)?)))
            }
            #[cfg(feature = "dynamodb")]
            "dynamodb" => Ok(Self::DynamoDb(Box::new(DynamoDbConfig::parse(place, &options)?))),
            _ => Ok(Self::Local(LocalConfig::parse(place, &options)?)),
        }
    }

    /// Returns whether a bulk load that fails leaves the store as it was; otherwise part of it may have been written.
    pub fn loads_atomically(&self) -> bool {
        match self {
            Self::Memory(_) | Self::Local(_) => true,
            #[cfg(feature = "redis")]
            Self::Redis(_) => false,
            #[cfg(feature = "dynamodb")]
            Self::DynamoDb(_) => false,
        }
    }

    /// Returns whether a store of this kind can tell of changes as they happen, unless it refuses.
    pub fn may_tell_of_changes(&self) -> bool {
        match self {
            Self::Memory(_) | Self::Local(_) => false,
            #[cfg(feature = "dynamodb")]
            Self::DynamoDb(_) => false,
            #[cfg(feature = "redis")]
            Self::Redis(_) => true,
        }
    }

    /// Opens the read side. Nothing is waited for: a store that cannot be reached says so when it is asked.
    pub fn reader(&self) -> Result<Arc<dyn StoreReader>> {
        Ok(match self {
            Self::Memory(name) => Arc::new(MemoryStore::named(name)),
            Self::Local(config) => Arc::new(LocalReader::new(config.clone())),
            #[cfg(feature = "redis")]
            Self::Redis(config) => Arc::new(RedisReader::new((**config).clone())?),
            #[cfg(feature = "dynamodb")]
            Self::DynamoDb(config) => Arc::new(DynamoDbReader::new((**config).clone())?),
        })
    }

    /// Opens the write side, creating the store where that is possible.
    ///
    /// # Errors
    /// Whatever keeps the store from being written.
    pub fn writer(&self) -> Result<Arc<dyn StoreWriter>> {
        Ok(match self {
            Self::Memory(name) => Arc::new(MemoryStore::named(name)),
            Self::Local(config) => Arc::new(LocalWriter::open(config)?),
            #[cfg(feature = "redis")]
            Self::Redis(config) => Arc::new(RedisWriter::new((**config).clone())?),
            #[cfg(feature = "dynamodb")]
            Self::DynamoDb(config) => Arc::new(DynamoDbWriter::new((**config).clone())?),
        })
    }

    /// Opens the store for walking through everything it holds.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a store that cannot be walked.
    pub fn scanner(&self) -> Result<Arc<dyn StoreScanner>> {
        Ok(match self {
            Self::Memory(name) => Arc::new(MemoryStore::named(name)),
            Self::Local(config) => Arc::new(LocalReader::new(config.clone())),
            #[cfg(feature = "redis")]
            Self::Redis(config) => Arc::new(RedisScanner::new((**config).clone())?),
            #[cfg(feature = "dynamodb")]
            Self::DynamoDb(config) => Arc::new(DynamoDbScanner::new((**config).clone())?),
        })
    }
}

impl FromStr for StoreConfig {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// Writes a store string without its secrets and without options that have their default.
impl fmt::Display for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(name) => write!(f, "memory:{name}"),
            Self::Local(config) => {
                write!(f, "local:{}", config.path.display())?;
                if config.map_size != LocalConfig::DEFAULT_MAP_SIZE {
                    write!(f, "?map_size={}", config.map_size)?;
                }
                Ok(())
            }
            #[cfg(feature = "redis")]
            Self::Redis(config) => write!(f, "{config}"),
            #[cfg(feature = "dynamodb")]
            Self::DynamoDb(config) => write!(f, "{config}"),
        }
    }
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

/// Words a guess at what was meant, or nothing when nothing is near.
fn suggest<'a>(given: &str, known: impl Iterator<Item = &'a str>, before: &str, after: &str) -> String {
    known
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, name)| format!("{before}{name}{after}"))
}

fn parse_options(backend: &Backend, query: &str) -> Result<Vec<(String, String)>> {
    let mut options: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let scheme = backend.scheme;
        if !backend.options().any(|known| known == name) {
            let shown = if is_option_name(&name) { format!("{name:?}") } else { "(not a word)".to_owned() };
            let suggestion = suggest(&name, backend.options(), "; did you mean ", "?");
            let known = match backend.option_lists {
                [] => "it takes none".to_owned(),
                lists => format!("it takes {}", lists.concat().join(", ")),
            };
            return Err(invalid(format!("{scheme}: unknown option {shown}{suggestion} ({known})")));
        }
        if options.iter().any(|(known, _)| *known == *name) {
            return Err(invalid(format!("{scheme}: option {name:?} is given twice")));
        }
        options.push((name.into_owned(), value.into_owned()));
    }
    Ok(options)
}

fn is_option_name(text: &str) -> bool {
    text.len() <= 32 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
