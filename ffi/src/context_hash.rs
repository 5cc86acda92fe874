//! Context hashes
//!
//! Stores identify a context by the hash of its key, never by the key. A hash has its own type, so
//! that a key cannot be mistaken for a hash.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use bigseg::context_key::ContextKey;
use bigseg::{ContextHash, Result};

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, non_null};
use crate::text::bigseg_str;

/// The length of a context hash in characters.
pub const BIGSEG_CONTEXT_HASH_LENGTH: usize = 44;

/// The SHA-256 of a context key, in padded standard base64, without a terminating NUL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_context_hash {
    /// The characters, which can include `+` and `/`.
    pub text: [c_char; BIGSEG_CONTEXT_HASH_LENGTH],
}

const _: () = assert!(size_of::<bigseg_context_hash>() == ContextHash::CHARACTERS);

impl bigseg_context_hash {
    /// Encodes a hash.
    pub(crate) fn of(hash: ContextHash) -> Self {
        let mut text = [0; ContextHash::CHARACTERS];
        hash.encode(&mut text);
        Self { text: text.map(|byte| byte as c_char) }
    }

    /// Decodes the hash.
    pub(crate) fn parse(&self) -> Result<ContextHash> {
        ContextHash::parse(self.text.map(|character| character as u8))
    }
}

/// Hashes a context key that the host passes.
pub(crate) fn hash_of_key(context_key: bigseg_str) -> Result<ContextHash> {
    Ok(ContextKey::from_bytes(context_key.bytes("context_key")?)?.hash())
}

/// Computes the hash of a context key. The UTF-8 bytes are neither trimmed nor normalised.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY` when the key is empty or not UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_context_hash_of(
    context_key: bigseg_str,
    hash: Option<&mut MaybeUninit<bigseg_context_hash>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let hash = non_null(hash, "hash")?;
        hash.write(bigseg_context_hash::of(hash_of_key(context_key)?));
        Ok(())
    })
}

/// Parses the text of a context hash.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_context_hash_parse(
    text: bigseg_str,
    hash: Option<&mut MaybeUninit<bigseg_context_hash>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let hash = non_null(hash, "hash")?;
        hash.write(bigseg_context_hash::of(ContextHash::parse(text.bytes("text")?)?));
        Ok(())
    })
}
