//! Context hashes
//!
//! Stores know a context by the hash of its key, never by the key. A hash is a type of its own here, so that a key
//! cannot be taken for one.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use bigseg_core::context_key::ContextKey;
use bigseg_core::{ContextHash, Result};

use crate::error::bigseg_error;
use crate::guard::{guard, non_null};
use crate::text::bigseg_str;

use crate::code::bigseg_code;

/// Length of a context hash as text.
pub const BIGSEG_CONTEXT_HASH_LENGTH: usize = 44;

/// The SHA-256 of a context key, in padded standard base64; not terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_context_hash {
    /// The characters; they may hold `+` and `/`.
    pub text: [c_char; BIGSEG_CONTEXT_HASH_LENGTH],
}

const _: () = assert!(size_of::<bigseg_context_hash>() == ContextHash::CHARACTERS);

impl bigseg_context_hash {
    /// Writes a hash down.
    pub(crate) fn of(hash: ContextHash) -> Self {
        let mut text = [0; ContextHash::CHARACTERS];
        hash.encode(&mut text);
        Self { text: text.map(|byte| byte as c_char) }
    }

    /// Reads it back.
    pub(crate) fn parse(&self) -> Result<ContextHash> {
        ContextHash::parse(self.text.map(|character| character as u8))
    }
}

/// Hashes a context key argument.
pub(crate) fn hash_of_key(context_key: bigseg_str) -> Result<ContextHash> {
    Ok(ContextKey::from_bytes(context_key.bytes("context_key")?)?.hash())
}

/// Computes the hash of a context key: its UTF-8 bytes as they are, without trimming or normalisation.
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

/// Checks that a text is a context hash, and takes it as one.
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
