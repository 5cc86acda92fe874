use std::path::PathBuf;
use std::time::Duration;

use bigseg_core::import::{BadLine, Import, ImportOptions, ImportReport, LineReader};
use bigseg_core::{Clock, SegmentRef, StoreConfig};
use clap::ValueEnum;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::input_file::{Format, InputFile};
use crate::output::{self, DOUBTFUL};
use crate::progress::Progress;
use crate::store::StoreArgument;

/// How many skipped lines are reported one by one.
const SHOWN_BAD_LINES: u64 = 20;
const NOTHING_IMPORTED: &str = "nothing was imported";

/// Fill a store from lists
///
/// Reads CSV (context, segment, membership; a header may name "key" or "hash", "segment", "membership") or NDJSON
/// ({"key": …} or {"hash": …}, with "included": […] and "excluded": […]), plain or gzip. A membership is "include",
/// the default, or "exclude".
///
/// In an embedded store, all lists together are one transaction: all of it is imported or nothing, also when the command
/// is interrupted. In Redis and DynamoDB, an import that is cut short leaves a part, and importing again completes it,
/// from where it stood with --resume-after; --replace needs the permission to SCAN or to Query.
/// `?write_units_per_second=` spares the capacity of a DynamoDB table. The store is then marked as up to date. Lists
/// larger than memory are sorted in temporary files (TMPDIR).
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg import --store local:./population.bigseg list.csv
  bigseg import --segment beta.g3 keys.csv       every line is a key that joins beta.g3
  bigseg import --replace beta.g3 keys.csv.gz    … and whoever was in beta.g3 before leaves it
  zcat list.ndjson.gz | bigseg import --format ndjson --bad-lines skip --json -")]
pub(crate) struct ImportCommand {
    #[command(flatten)]
    store: StoreArgument,

    /// The lists; "-" is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    lists: Vec<PathBuf>,

    /// How the lists are written; by default as their names say (.csv, .ndjson, .jsonl, each also .gz)
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The segment of lines that name none
    #[arg(long, value_name = "SEGMENT.gN")]
    segment: Option<String>,

    /// Forget this segment's present members first; also the segment of lines that name none
    #[arg(long, value_name = "SEGMENT.gN")]
    replace: Option<String>,

    /// Pass over so many contexts, which an import of the very same lists has written before it was cut short (it said
    /// how many); for stores that are loaded in pieces
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    resume_after: u64,

    /// Let --replace empty a segment, should the lists hold nothing
    #[arg(long, requires = "replace")]
    allow_empty: bool,

    /// The contexts of a CSV without header are ready hashes rather than keys
    #[arg(long)]
    hashed: bool,

    /// What becomes of a line that cannot be understood
    #[arg(long, value_enum, value_name = "WHAT", default_value = "fail")]
    bad_lines: BadLines,

    /// Show no progress and no summary
    #[arg(short, long)]
    quiet: bool,

    /// Print the summary as a JSON object
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

/// What becomes of a line that cannot be understood.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BadLines {
    /// End the import; nothing is imported
    Fail,
    /// Report its number, leave it out, and go on
    Skip,
}

/// What the lists held.
#[derive(Default)]
struct Lines {
    read: u64,
    skipped: u64,
}

#[derive(Serialize)]
struct Summary {
    store: String,
    contexts: u64,
    memberships: u64,
    lines: u64,
    skipped_lines: u64,
    replaced: u64,
    seconds: f64,
    contexts_per_second: u64,
}

impl ImportCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let clock = Clock::System;
        let began = clock.now();
        let replace = self.replace.as_deref().map(SegmentRef::parse).transpose()?;
        let segment = self.segment.as_deref().map(SegmentRef::parse).transpose()?.or(replace.clone());
        let lists =
            self.lists.iter().map(|path| InputFile::open(path, self.format)).collect::<Result<_, _>>()?;
        let store = self.store.config()?;
        if self.resume_after > 0 && store.loads_atomically() {
            return Err(Failure::usage(
                "--resume-after: this store is loaded whole or not at all; leave it out",
            ));
        }
        let writer = store.writer()?;
        // A store that cannot be reached is to be found out before a long list is read.
        writer.cursor()?;
        let options = ImportOptions { replace, resume_after: self.resume_after, ..ImportOptions::default() };
        let mut import = Import::new(writer, options);

        let lines = self.read(lists, segment, &mut import).map_err(|e| e.but(NOTHING_IMPORTED))?;
        if import.is_empty() && self.replace.is_some() && !self.allow_empty {
            let message = "there is no member in the lists; --allow-empty empties the segment";
            return Err(Failure::new(Exit::Data, message).but(NOTHING_IMPORTED));
        }
        let progress = Progress::of_things("writing memberships", Some(import.len()), self.quiet);
        let mut written = self.resume_after;
        let report = import.finish(&mut |done| {
            written = done.contexts;
            progress.set(done.memberships);
        });
        let left = match store.loads_atomically() {
            true => NOTHING_IMPORTED.to_owned(),
            false => perhaps_in_part(written),
        };
        let report = report.map_err(|e| Failure::from(e).but(&left))?;
        drop(progress);
        self.print(&Summary::new(&store, &lines, &report, clock.now().since(began)))?;
        Ok(Exit::Success)
    }

    /// Reads all lists into the import.
    fn read(
        &self,
        lists: Vec<InputFile>,
        segment: Option<SegmentRef>,
        import: &mut Import,
    ) -> Result<Lines, Failure> {
        let total = lists.iter().map(|list| list.bytes).sum();
        let progress = Progress::of_bytes("reading", total, self.quiet);
        let mut lines = Lines::default();
        for InputFile { name, format, input, .. } in lists {
            let reader = LineReader { format: format.into(), segment: segment.clone(), hashed: self.hashed };
            let mut bad_line = |bad: BadLine| {
                if self.bad_lines == BadLines::Fail {
                    return Err(bad.into());
                }
                lines.skipped += 1;
                match lines.skipped {
                    0..=SHOWN_BAD_LINES => {
                        progress.note(&format!("{DOUBTFUL}skipped:{DOUBTFUL:#} {name}: {bad}"));
                    }
                    nth if nth == SHOWN_BAD_LINES + 1 => {
                        progress.note("skipped: … and more, counted in the end")
                    }
                    _ => {}
                }
                Ok(())
            };
            lines.read +=
                reader.read(progress.reading(input), import, &mut bad_line).map_err(|e| e.at(&name))?;
        }
        Ok(lines)
    }

    fn print(&self, summary: &Summary) -> std::io::Result<()> {
        if self.json {
            return output::json(summary);
        }
        if self.quiet {
            return Ok(());
        }
        let Summary { store, contexts, memberships, seconds, contexts_per_second, .. } = summary;
        let (contexts, memberships) = (output::count(*contexts), output::count(*memberships));
        let rate = output::count(*contexts_per_second);
        output::line(format_args!("imported {contexts} contexts, {memberships} memberships, into {store}"))?;
        output::line(format_args!("took {seconds:.2} s, {rate} contexts/s"))?;
        if let Some(segment) = &self.replace {
            let replaced = output::count(summary.replaced);
            output::line(format_args!("{segment} had {replaced} members before"))?;
        }
        if summary.skipped_lines > 0 {
            let (skipped, lines) = (output::count(summary.skipped_lines), output::count(summary.lines));
            output::line(format_args!("skipped {skipped} of {lines} lines"))?;
        }
        Ok(())
    }
}

/// Says what an import leaves that was cut short, in a store that is loaded in pieces.
fn perhaps_in_part(contexts: u64) -> String {
    let again = "part of it may have been imported; importing it again completes it";
    match contexts {
        0 => again.to_owned(),
        written => format!("{again}, and --resume-after {written} passes over what is sure to be there"),
    }
}

impl Summary {
    fn new(store: &StoreConfig, lines: &Lines, report: &ImportReport, took: Duration) -> Self {
        let seconds = took.as_secs_f64();
        Self {
            store: store.to_string(),
            contexts: report.contexts,
            memberships: report.memberships,
            lines: lines.read,
            skipped_lines: lines.skipped,
            replaced: report.replaced,
            seconds,
            contexts_per_second: (report.contexts as f64 / seconds) as u64,
        }
    }
}
