use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::store::Backend;

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

    const FORM: &'static str = "local:PATH[?map_size=BYTES]";
    pub(in crate::store) const BACKENDS: &'static [Backend] =
        &[Backend { scheme: "local", form: Self::FORM, option_lists: &[&["map_size"]] }];

    /// Reads what follows the scheme and its colon, and the options, whose names are known to be good.
    pub(in crate::store) fn parse(path: &str, options: &[(String, String)]) -> Result<Self> {
        if path.is_empty() {
            return Err(invalid(format!("{}: the path is empty", Self::FORM)));
        }
        let mut config = Self::new(path);
        for (name, value) in options {
            config.map_size = parse_bytes(name, value, Self::MIN_MAP_SIZE, Self::MAX_MAP_SIZE)?;
        }
        Ok(config)
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

/// Reads a size: plain bytes, or with one of the suffixes K, M, G, T (powers of 1024).
fn parse_bytes(name: &str, value: &str, min: u64, max: u64) -> Result<u64> {
    let (digits, unit) = match value.as_bytes().last() {
        Some(b'K' | b'k') => (&value[..value.len() - 1], 1 << 10),
        Some(b'M' | b'm') => (&value[..value.len() - 1], 1 << 20),
        Some(b'G' | b'g') => (&value[..value.len() - 1], 1 << 30),
        Some(b'T' | b't') => (&value[..value.len() - 1], 1u64 << 40),
        _ => (value, 1),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match bytes {
        Some(bytes) if (min..=max).contains(&bytes) => Ok(bytes),
        Some(_) => Err(invalid(format!("{name} must lie between {min} and {max} bytes"))),
        None => Err(invalid(format!("{name} is not a number of bytes, such as 17179869184 or 16G"))),
    }
}
