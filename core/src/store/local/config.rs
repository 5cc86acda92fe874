use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::store::Backend;
use crate::store::options::GivenOptions;

/// The configuration of an embedded store: its path and its maximum size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalConfig {
    /// The file of the store, with a second file `PATH-lock` beside it. It must not be on a network
    /// file system.
    pub path: PathBuf,
    /// The maximum size of the file in bytes. This reserves address space, not memory or disk.
    pub map_size: u64,
}

impl LocalConfig {
    /// The default of `map_size`: 16 GiB, for about 300 million contexts.
    pub const DEFAULT_MAP_SIZE: u64 = 16 << 30;
    /// The minimum of `map_size`: 1 MiB.
    pub const MIN_MAP_SIZE: u64 = 1 << 20;
    /// The maximum of `map_size`: 16 TiB.
    pub const MAX_MAP_SIZE: u64 = 16 << 40;

    /// Creates a configuration with default options.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), map_size: Self::DEFAULT_MAP_SIZE }
    }

    const FORM: &'static str = "local:PATH[?map_size=BYTES]";
    pub(in crate::store) const BACKENDS: &'static [Backend] =
        &[Backend { scheme: "local", form: Self::FORM, option_lists: &[&["map_size"]], named_options: &[] }];

    /// Creates a configuration with options whose names were checked.
    pub(in crate::store) fn with_options(path: impl Into<PathBuf>, options: &GivenOptions) -> Result<Self> {
        let mut config = Self::new(path);
        if config.path.as_os_str().is_empty() {
            return Err(invalid(format!("{}: the path is empty", Self::FORM)));
        }
        let map_size = options.size("map_size", Self::MIN_MAP_SIZE, Self::MAX_MAP_SIZE).map_err(invalid)?;
        config.map_size = map_size.unwrap_or(Self::DEFAULT_MAP_SIZE);
        Ok(config)
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}
