use std::fmt;
use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bigseg::{ContextHash, Membership, SegmentRef};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::input_file::Format;
use crate::progress::Progress;
use crate::store::StoreArgument;

/// Contexts written between two updates of the progress bar.
const PROGRESS_STEP: u64 = 4096;

/// Write a store's content as a list that `import` reads
///
/// The list holds hashes: keys cannot be recovered from a store. The file appears only once it is
/// complete.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg export --store local:./population.bigseg > population.ndjson
  bigseg export --output beta.csv.gz --segment beta.g3
  bigseg export --store local:./old | bigseg import --store local:./new --format ndjson -")]
pub(crate) struct ExportCommand {
    #[command(flatten)]
    store: StoreArgument,

    /// Write to a file, compressed if its name ends in .gz; by default to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The format of the list; by default that of the file name, or else NDJSON
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Write the memberships of this segment only
    #[arg(long, value_name = "SEGMENT.gN")]
    segment: Option<String>,

    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    hash: ContextHash,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    included: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    excluded: Vec<&'a str>,
}

impl ExportCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match &self.output {
            None => self.write(io::stdout().lock(), Failure::from)?,
            Some(path) => self.write_file(path)?,
        }
        Ok(Exit::Success)
    }

    /// Writes to a temporary file in the same directory, then renames it to `path`.
    fn write_file(&self, path: &Path) -> Result<(), Failure> {
        let write_failed = |e: io::Error| Failure::io(format_args!("writing {}", path.display()), &e);
        // A pipe or a device cannot be replaced by a file: write to it directly.
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return self.write(File::options().write(true).open(path).map_err(write_failed)?, write_failed);
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            // The mode of any new file; the umask restricts it.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory.unwrap_or(Path::new(".")))
            .map_err(write_failed)?;
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")) {
            let mut gzip = GzEncoder::new(file.as_file(), Compression::fast());
            self.write(&mut gzip, write_failed)?;
            gzip.finish().map_err(write_failed)?;
        } else {
            self.write(file.as_file(), write_failed)?;
        }
        file.persist(path).map_err(|e| write_failed(e.error))?;
        Ok(())
    }

    fn write(&self, out: impl Write, write_failed: impl Fn(io::Error) -> Failure) -> Result<(), Failure> {
        let segment = self.segment.as_deref().map(SegmentRef::parse).transpose()?;
        let format = self.format.or_else(|| self.output.as_deref().and_then(Format::of));
        let mut out = BufWriter::with_capacity(1 << 16, out);
        let scanner = self.store.config()?.scanner()?;
        let progress = Progress::of_items("writing contexts", None, self.quiet || self.output.is_none());
        if format == Some(Format::Csv) {
            writeln!(out, "hash,segment,membership").map_err(&write_failed)?;
        }
        let mut contexts = 0;
        let mut outcome = Ok(());
        scanner.scan(&mut |hash, membership| {
            let line = Line::new(hash, &membership, segment.as_ref());
            outcome = match format {
                Some(Format::Csv) => line.write_csv(&mut out),
                _ => line.write_ndjson(&mut out),
            };
            contexts += 1;
            if contexts % PROGRESS_STEP == 0 {
                progress.set_position(contexts);
            }
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome.and_then(|()| out.flush()).map_err(&write_failed)
    }
}

impl<'a> Line<'a> {
    /// Creates the line of a context, for all segments or for `only` one.
    fn new(hash: ContextHash, membership: &'a Membership, only: Option<&SegmentRef>) -> Self {
        let selected = |refs: &'a [SegmentRef]| {
            refs.iter().filter(|r| only.is_none_or(|only| only == *r)).map(SegmentRef::as_str).collect()
        };
        Self { hash, included: selected(membership.included()), excluded: selected(membership.excluded()) }
    }

    fn write_ndjson(&self, out: &mut impl Write) -> io::Result<()> {
        if self.included.is_empty() && self.excluded.is_empty() {
            return Ok(());
        }
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }

    fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        for (segments, membership) in [(&self.included, "include"), (&self.excluded, "exclude")] {
            for segment in segments {
                writeln!(out, "{},{},{membership}", self.hash, CsvField(segment))?;
            }
        }
        Ok(())
    }
}

/// A CSV field, quoted if needed: segment keys may hold commas and quotes.
struct CsvField<'a>(&'a str);

impl fmt::Display for CsvField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains([',', '"', '\n', '\r']) {
            write!(f, "\"{}\"", self.0.replace('"', "\"\""))
        } else {
            f.write_str(self.0)
        }
    }
}
