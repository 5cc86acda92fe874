//! The configuration of a store: the only list of backends, and what opens their readers and
//! writers.

use std::fmt;
use std::sync::Arc;

use super::backend::Backend;
#[cfg(feature = "dynamodb")]
use super::dynamodb::{DynamoDbConfig, DynamoDbReader, DynamoDbScanner, DynamoDbWriter};
use super::local::{LocalConfig, LocalReader, LocalWriter};
use super::memory::MemoryStore;
use super::reader::{StoreReader, StoreScanner};
#[cfg(feature = "redis")]
use super::redis::{RedisConfig, RedisReader, RedisScanner, RedisWriter};
use super::writer::StoreWriter;
use crate::error::Result;

impl Backend {
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

/// The configuration of a store: parsed from a store string, or built by hand.
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
    /// Returns whether a failed bulk load leaves the store unchanged. Otherwise a part of the list
    /// may be written.
    pub fn loads_atomically(&self) -> bool {
        match self {
            Self::Memory(_) | Self::Local(_) => true,
            #[cfg(feature = "redis")]
            Self::Redis(_) => false,
            #[cfg(feature = "dynamodb")]
            Self::DynamoDb(_) => false,
        }
    }

    /// Returns whether a store of this kind can push changes, given the permission.
    pub fn supports_push(&self) -> bool {
        match self {
            Self::Memory(_) | Self::Local(_) => false,
            #[cfg(feature = "dynamodb")]
            Self::DynamoDb(_) => false,
            #[cfg(feature = "redis")]
            Self::Redis(_) => true,
        }
    }

    /// Opens a reader without waiting: a store that cannot be reached fails at the first read.
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

    /// Opens a writer, and creates the store where that is possible.
    ///
    /// # Errors
    /// The store cannot be written.
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

    /// Opens a scanner, which reads everything that the store holds.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a store that cannot be
    /// scanned.
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

/// Writes the store string without secrets, and without options that have their default.
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
