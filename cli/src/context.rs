//! The context argument: a key, which is hashed immediately and never printed, or a context hash.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use bigseg::{ContextHash, ContextKey};

use crate::failure::Failure;

/// The context to look up.
#[derive(clap::Args)]
pub(crate) struct ContextArgument {
    /// The context key; "-" reads it from standard input; a key that starts with "-" goes after
    /// "--"
    #[arg(value_name = "CONTEXT")]
    context: OsString,

    /// CONTEXT is a context hash (44 characters of base64), not a key
    #[arg(long)]
    hash: bool,
}

impl ContextArgument {
    /// Returns the context's hash.
    pub(crate) fn hash(&self) -> Result<ContextHash, Failure> {
        let mut input = Vec::new();
        let context = if self.context == OsStr::new("-") {
            std::io::stdin()
                .read_to_end(&mut input)
                .map_err(|e| Failure::io("reading the context from standard input", &e))?;
            without_line_end(&input)
        } else {
            self.context.as_bytes()
        };
        if self.hash { Ok(ContextHash::parse(context)?) } else { Ok(ContextKey::from_bytes(context)?.hash()) }
    }
}

/// Removes the line end that a shell or an editor appends to a key.
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
