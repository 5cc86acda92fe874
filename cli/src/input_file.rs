//! Input of `import`: a file or standard input, in a format that is given or follows from the file
//! name.

use std::fs::File;
use std::io::{IsTerminal, Read, Stdin};
use std::path::{Path, PathBuf};

use bigseg::import::LineFormat;
use clap::ValueEnum;

use crate::failure::Failure;

/// The format of a list.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Rows of context, segment, membership, with or without a header
    Csv,
    /// One JSON object a line
    Ndjson,
}

impl Format {
    /// Returns the format of a file name; a final `.gz` is ignored.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        match Path::new(name.strip_suffix(".gz").unwrap_or(&name)).extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

impl From<Format> for LineFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Ndjson => Self::Ndjson,
        }
    }
}

/// A list opened for reading.
pub(crate) struct InputFile {
    /// The name used in messages.
    pub(crate) name: String,
    pub(crate) format: Format,
    /// The size in bytes as stored, compressed or not; `None` if it is unknown.
    pub(crate) bytes: Option<u64>,
    pub(crate) input: Input,
}

/// The source of a list's bytes.
pub(crate) enum Input {
    File(File),
    Stdin(Stdin),
}

impl InputFile {
    /// Opens a list; `-` is standard input.
    pub(crate) fn open(path: &PathBuf, format: Option<Format>) -> Result<Self, Failure> {
        if path == Path::new("-") {
            let input = std::io::stdin();
            if input.is_terminal() {
                return Err(Failure::usage("name a list to import, or pipe one in"));
            }
            let format = format.ok_or_else(|| {
                Failure::usage(
                    "standard input has no file name to infer the format from; add --format csv or ndjson",
                )
            })?;
            let name = "standard input".to_owned();
            return Ok(Self { name, format, bytes: None, input: Input::Stdin(input) });
        }
        let name = path.display().to_string();
        let format = format.or_else(|| Format::of(path)).ok_or_else(|| {
            Failure::usage(format!(
                "the format of {name} cannot be inferred from its name; add --format csv or ndjson"
            ))
        })?;
        let open_failed = |e| Failure::io(format_args!("opening {name}"), &e);
        let file = File::open(path).map_err(open_failed)?;
        let metadata = file.metadata().map_err(open_failed)?;
        if metadata.is_dir() {
            return Err(open_failed(std::io::ErrorKind::IsADirectory.into()));
        }
        let bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { name, format, bytes, input: Input::File(file) })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Stdin(stdin) => stdin.lock().read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_follows_from_the_name() {
        let of = |name: &str| Format::of(Path::new(name));
        assert!(of("a/list.csv") == Some(Format::Csv));
        assert!(of("LIST.CSV.GZ") == Some(Format::Csv));
        assert!(of("list.ndjson.gz") == Some(Format::Ndjson));
        assert!(of("list.jsonl") == Some(Format::Ndjson));
        for unknown in ["list", "list.gz", "list.txt", "csv", ".csv", ""] {
            assert!(of(unknown).is_none(), "{unknown}");
        }
    }
}
