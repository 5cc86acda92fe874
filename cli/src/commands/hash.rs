use std::ffi::OsString;
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt;

use bigseg::{ContextHash, ContextKey};
use serde::Serialize;

use crate::context::without_line_end;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Print the hashes of context keys, as stores use them
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg hash user-key            CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0=
  bigseg hash < keys.txt          one key per line, one hash per line")]
pub(crate) struct HashCommand {
    /// Context keys; without any, they are read from standard input, one per line
    #[arg(value_name = "KEY")]
    keys: Vec<OsString>,

    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct HashJson {
    hash: ContextHash,
}

impl HashCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if !self.keys.is_empty() {
            for key in &self.keys {
                self.print(ContextKey::from_bytes(key.as_bytes())?)?;
            }
            return Ok(Exit::Success);
        }
        let mut input = std::io::stdin().lock();
        let mut line = Vec::new();
        let mut number = 0u64;
        while {
            line.clear();
            number += 1;
            let read_failed = |e| Failure::io("reading keys from standard input", &e);
            input.read_until(b'\n', &mut line).map_err(read_failed)? > 0
        } {
            let key = ContextKey::from_bytes(without_line_end(&line));
            self.print(key.map_err(|e| e.at(format_args!("standard input, line {number}")))?)?;
        }
        Ok(Exit::Success)
    }

    fn print(&self, key: ContextKey) -> Result<(), Failure> {
        let hash = key.hash();
        if self.json {
            output::json(&HashJson { hash })?;
        } else {
            output::line(hash)?;
        }
        Ok(())
    }
}
