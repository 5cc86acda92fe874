//! Context keys and their hashes (docs/spec.md#context-hash).

use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// The key of a context: a secret. It is neither stored nor printed, and lives only as long as the
/// call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContextKey<'a>(&'a str);

impl<'a> ContextKey<'a> {
    /// Takes a key as it is: no trimming, no unicode normalisation.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidContextKey`] when it is empty.
    #[inline]
    pub fn new(key: &'a str) -> Result<Self> {
        if key.is_empty() {
            return Err(Error::new(ErrorKind::InvalidContextKey, "the context key is empty"));
        }
        Ok(Self(key))
    }

    /// Takes a key as bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidContextKey`] when it is empty or not UTF-8.
    pub fn from_bytes(key: &'a [u8]) -> Result<Self> {
        let key = std::str::from_utf8(key).map_err(|e| {
            let place = e.valid_up_to();
            Error::new(
                ErrorKind::InvalidContextKey,
                format!("the context key is not UTF-8 (at byte {place})"),
            )
        })?;
        Self::new(key)
    }

    /// Returns the hash under which the stores know this context.
    pub fn hash(self) -> ContextHash {
        ContextHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for ContextKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContextKey(secret)")
    }
}

/// The SHA-256 of a context key; its text form is padded standard base64, 44 characters.
///
/// The context kind is not part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContextHash([u8; ContextHash::BYTES]);

impl ContextHash {
    /// Length of the binary form.
    pub const BYTES: usize = 32;
    /// Length of the text form.
    pub const CHARACTERS: usize = 44;

    /// Wraps the 32 bytes of a SHA-256.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes of the SHA-256.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidContextHash`] unless it is exactly what [`ContextHash::encode`] writes.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self> {
        let text = text.as_ref();
        let invalid = |reason: &str| {
            Error::new(
                ErrorKind::InvalidContextHash,
                format!("a context hash is 44 characters of padded standard base64; this one {reason}"),
            )
        };
        if text.len() != Self::CHARACTERS {
            return Err(invalid(&format!("has {} bytes", text.len())));
        }
        // The decoder estimates three bytes for the last group, though padding leaves two of them.
        let mut buffer = [0; 33];
        match STANDARD.decode_slice(text, &mut buffer) {
            Ok(Self::BYTES) => Ok(Self(buffer[..Self::BYTES].try_into().expect("32 of 33 bytes"))),
            Ok(_) => Err(invalid("is not padded as 32 bytes are")),
            Err(_) => Err(invalid("has a character or padding that does not belong there")),
        }
    }

    /// Writes the text form into a buffer on the caller's stack.
    pub fn encode(self, buffer: &mut [u8; Self::CHARACTERS]) -> &str {
        let length = STANDARD.encode_slice(self.0, buffer).expect("32 bytes are 44 characters of base64");
        std::str::from_utf8(&buffer[..length]).expect("base64 is ASCII")
    }
}

/// Names a context in a request: a key, which is hashed, or a hash, which is taken as it is.
///
/// A key that is invalid fails the request.
#[derive(Debug, Clone)]
pub struct ContextId(Result<ContextHash>);

impl ContextId {
    /// Returns the hash.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidContextKey`] when the id was made from an invalid key.
    #[inline]
    pub fn hash(self) -> Result<ContextHash> {
        self.0
    }
}

impl From<&str> for ContextId {
    #[inline]
    fn from(key: &str) -> Self {
        Self(ContextKey::new(key).map(ContextKey::hash))
    }
}

impl From<&&str> for ContextId {
    #[inline]
    fn from(key: &&str) -> Self {
        Self::from(*key)
    }
}

impl From<&String> for ContextId {
    #[inline]
    fn from(key: &String) -> Self {
        Self::from(key.as_str())
    }
}

impl From<ContextHash> for ContextId {
    #[inline]
    fn from(hash: ContextHash) -> Self {
        Self(Ok(hash))
    }
}

impl From<&ContextHash> for ContextId {
    #[inline]
    fn from(hash: &ContextHash) -> Self {
        Self(Ok(*hash))
    }
}

impl FromStr for ContextHash {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for ContextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut [0; Self::CHARACTERS]))
    }
}

impl fmt::Debug for ContextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContextHash({self})")
    }
}

impl Hash for ContextHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl serde::Serialize for ContextHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.encode(&mut [0; Self::CHARACTERS]))
    }
}

impl<'de> serde::Deserialize<'de> for ContextHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HashVisitor)
    }
}

/// Reads a hash where it lies, for pages of patches hold millions.
struct HashVisitor;

impl serde::de::Visitor<'_> for HashVisitor {
    type Value = ContextHash;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a context hash")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ContextHash, E> {
        ContextHash::parse(text).map_err(E::custom)
    }
}

/// A hasher for maps keyed by [`ContextHash`]: its first eight bytes are uniform already.
#[derive(Debug, Default, Clone, Copy)]
pub struct PrefixHasher(u64);

/// Builds [`PrefixHasher`]s.
pub type BuildPrefixHasher = BuildHasherDefault<PrefixHasher>;

impl Hasher for PrefixHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut prefix = [0; 8];
        let length = bytes.len().min(8);
        prefix[..length].copy_from_slice(&bytes[..length]);
        self.0 = u64::from_le_bytes(prefix);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
