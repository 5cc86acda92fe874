use std::fmt;
use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bigseg_core::{ContextHash, Membership, SegmentRef};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::input_file::Format;
use crate::progress::Progress;
use crate::store::StoreArgument;

/// How many contexts are written between two reports of progress.
const PROGRESS_STEP: u64 = 4096;

/// Write a store's content as a list that `import` reads
///
/// The list holds hashes: keys cannot be had back from a store. A file appears only once it is complete.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg export --store local:./population.bigseg > population.ndjson
  bigseg export --output beta.csv.gz --segment beta.g3
  bigseg export --store local:./old | bigseg import --store local:./new --format ndjson -")]
pub(crate) struct ExportCommand {
    #[command(flatten)]
    store: StoreArgument,

    /// Write to a file, packed if its name ends in .gz; by default to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// How to write the list; by default as the file's name says, or else NDJSON
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

    /// Writes to a new file beside the wanted one and then moves it there.
    fn write_file(&self, path: &Path) -> Result<(), Failure> {
        let writing = |e: io::Error| Failure::io(format_args!("writing {}", path.display()), &e);
        // A pipe or a device cannot be replaced by a file.
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return self.write(File::options().write(true).open(path).map_err(writing)?, writing);
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            // As of any new file: the umask takes away what others may not do.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory.unwrap_or(Path::new(".")))
            .map_err(writing)?;
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")) {
            let mut packed = GzEncoder::new(file.as_file(), Compression::fast());
            self.write(&mut packed, writing)?;
            packed.finish().map_err(writing)?;
        } else {
            self.write(file.as_file(), writing)?;
        }
        file.persist(path).map_err(|e| writing(e.error))?;
        Ok(())
    }

    fn write(&self, out: impl Write, writing: impl Fn(io::Error) -> Failure) -> Result<(), Failure> {
        let segment = self.segment.as_deref().map(SegmentRef::parse).transpose()?;
        let format = self.format.or_else(|| self.output.as_deref().and_then(Format::of));
        let mut out = BufWriter::with_capacity(1 << 16, out);
        let scanner = self.store.config()?.scanner()?;
        let progress = Progress::of_things("writing contexts", None, self.quiet || self.output.is_none());
        if format == Some(Format::Csv) {
            writeln!(out, "hash,segment,membership").map_err(&writing)?;
        }
        let (mut contexts, mut written) = (0, Ok(()));
        scanner.scan(&mut |hash, membership| {
            let line = Line::new(hash, &membership, segment.as_ref());
            written = match format {
                Some(Format::Csv) => line.write_csv(&mut out),
                _ => line.write_ndjson(&mut out),
            };
            contexts += 1;
            if contexts % PROGRESS_STEP == 0 {
                progress.set(contexts);
            }
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written.and_then(|()| out.flush()).map_err(&writing)
    }
}

impl<'a> Line<'a> {
    /// Takes what is to be written of a context: everything, or one segment's part.
    fn new(hash: ContextHash, membership: &'a Membership, only: Option<&SegmentRef>) -> Self {
        let wanted = |refs: &'a [SegmentRef]| {
            refs.iter().filter(|r| only.is_none_or(|only| only == *r)).map(SegmentRef::as_str).collect()
        };
        Self { hash, included: wanted(membership.included()), excluded: wanted(membership.excluded()) }
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

/// Text in a CSV, quoted where it must be; segment keys may hold commas and quotes.
struct CsvField<'a>(&'a str);

impl fmt::Display for CsvField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.contains([',', '"', '\n', '\r']) {
            true => write!(f, "\"{}\"", self.0.replace('"', "\"\"")),
            false => f.write_str(self.0),
        }
    }
}
