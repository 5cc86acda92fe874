use std::path::PathBuf;

/// Where an embedded store is, and how large it may grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalConfig {
    /// The store's file. A second file, `PATH-lock`, lies beside it; not on a network file system.
    pub path: PathBuf,
    /// The most bytes the file may ever take. This reserves address space only, neither memory nor disk.
    pub map_size: u64,
}

impl LocalConfig {
    /// 16 GiB: room for about 300 million contexts.
    pub const DEFAULT_MAP_SIZE: u64 = 16 << 30;
    /// 1 MiB.
    pub const MIN_MAP_SIZE: u64 = 1 << 20;
    /// 16 TiB.
    pub const MAX_MAP_SIZE: u64 = 16 << 40;

    /// Names a store, with default options.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), map_size: Self::DEFAULT_MAP_SIZE }
    }
}
