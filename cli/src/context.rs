//! Which context a command is about: a key, which is hashed at once and never printed, or a ready hash.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use bigseg_core::{ContextHash, ContextKey};

use crate::failure::Failure;

/// Names the context.
#[derive(clap::Args)]
pub(crate) struct ContextArgument {
    /// The context's key; "-" reads it from standard input, and one that begins with "-" stands after "--"
    #[arg(value_name = "CONTEXT")]
    context: OsString,

    /// CONTEXT is a ready hash (44 characters of base64) rather than a key
    #[arg(long)]
    hash: bool,
}

impl ContextArgument {
    /// Returns the context's hash.
    pub(crate) fn hash(&self) -> Result<ContextHash, Failure> {
        let mut typed = Vec::new();
        let context = if self.context == OsStr::new("-") {
            std::io::stdin()
                .read_to_end(&mut typed)
                .map_err(|e| Failure::io("reading the context from standard input", &e))?;
            without_line_end(&typed)
        } else {
            self.context.as_bytes()
        };
        match self.hash {
            true => Ok(ContextHash::parse(context)?),
            false => Ok(ContextKey::from_bytes(context)?.hash()),
        }
    }
}

/// Takes off the line end that a shell or an editor puts after a key.
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
