use std::path::PathBuf;
use std::time::Duration;

use bigseg::import::{BadLine, Import, ImportOptions, ImportReport, LineReader};
use bigseg::{Clock, SegmentRef, StoreConfig};
use clap::ValueEnum;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::input_file::{Format, InputFile};
use crate::output::{self, WARN};
use crate::progress::Progress;
use crate::store::StoreArgument;

/// Skipped lines that are reported one by one; the rest are only counted.
const MAX_REPORTED_LINES: u64 = 20;
const NOTHING_IMPORTED: &str = "nothing was imported";

/// Fill a store from lists
///
/// Reads CSV (context, segment, membership; a header may name "key" or "hash", "segment",
/// "membership") or NDJSON ({"key": …} or {"hash": …}, with "included": […] and "excluded": […]),
/// plain or gzip. A membership is "include", the default, or "exclude".
///
/// An embedded store is filled in one transaction: all lists are imported or nothing is, even if
/// the command is interrupted. In Redis and DynamoDB, an interrupted import is partial; run it
/// again to complete it, with --resume-after to skip what was written. --replace needs the
/// permission to SCAN or to Query. `?write_units_per_second=` limits the capacity used of a
/// DynamoDB table. The import marks the store as up to date. Lists larger than memory are sorted in
/// temporary files (TMPDIR).
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg import --store local:./population.bigseg list.csv
  bigseg import --segment beta.g3 keys.csv       each line is a key to include in beta.g3
  bigseg import --replace beta.g3 keys.csv.gz    … and earlier members of beta.g3 are removed
  zcat list.ndjson.gz | bigseg import --format ndjson --bad-lines skip --json -")]
pub(crate) struct ImportCommand {
    #[command(flatten)]
    store: StoreArgument,

    /// The lists; "-" is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    lists: Vec<PathBuf>,

    /// The format of the lists; by default that of their names (.csv, .ndjson, .jsonl, each also
    /// .gz)
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The segment of lines without one
    #[arg(long, value_name = "SEGMENT.gN")]
    segment: Option<String>,

    /// Remove this segment's earlier members; also the segment of lines without one
    #[arg(long, value_name = "SEGMENT.gN")]
    replace: Option<String>,

    /// Skip this many contexts, which an interrupted import of the same lists has written (its
    /// message says how many); not for embedded stores
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    resume_after: u64,

    /// Allow --replace to empty a segment if the lists have no members
    #[arg(long, requires = "replace")]
    allow_empty: bool,

    /// The contexts of a CSV without header are hashes, not keys
    #[arg(long)]
    hashed: bool,

    /// How to handle a line that cannot be parsed
    #[arg(long, value_enum, value_name = "WHAT", default_value = "fail")]
    bad_lines: BadLines,

    /// Show no progress and no summary
    #[arg(short, long)]
    quiet: bool,

    /// Print the summary as a JSON object
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

/// How to handle a line that cannot be parsed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BadLines {
    /// Fail; nothing is imported
    Fail,
    /// Report its number and skip it
    Skip,
}

/// The number of lines in the lists.
#[derive(Default)]
struct LineCounts {
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
        let started = clock.now();
        let replace = self.replace.as_deref().map(SegmentRef::parse).transpose()?;
        let segment = self.segment.as_deref().map(SegmentRef::parse).transpose()?.or(replace.clone());
        let lists =
            self.lists.iter().map(|path| InputFile::open(path, self.format)).collect::<Result<_, _>>()?;
        let store = self.store.config()?;
        if self.resume_after > 0 && store.loads_atomically() {
            return Err(Failure::usage(
                "--resume-after: an import into this store is never partial; leave the option out",
            ));
        }
        let writer = store.writer()?;
        // Detect an unreachable store before reading a long list.
        writer.cursor()?;
        let options = ImportOptions { replace, resume_after: self.resume_after, ..ImportOptions::default() };
        let mut import = Import::new(writer, options);

        let lines =
            self.read(lists, segment, &mut import).map_err(|e| e.with_consequence(NOTHING_IMPORTED))?;
        if import.is_empty() && self.replace.is_some() && !self.allow_empty {
            let message = "the lists have no members; add --allow-empty to empty the segment";
            return Err(Failure::new(Exit::Data, message).with_consequence(NOTHING_IMPORTED));
        }
        let progress = Progress::of_items("writing memberships", Some(import.len()), self.quiet);
        let mut written = self.resume_after;
        let report = import.finish(&mut |done| {
            written = done.contexts;
            progress.set_position(done.memberships);
        });
        let consequence =
            if store.loads_atomically() { NOTHING_IMPORTED.to_owned() } else { partial_import(written) };
        let report = report.map_err(|e| Failure::from(e).with_consequence(&consequence))?;
        drop(progress);
        self.print(&Summary::new(&store, &lines, &report, clock.now().since(started)))?;
        Ok(Exit::Success)
    }

    /// Reads all lists into the import.
    fn read(
        &self,
        lists: Vec<InputFile>,
        segment: Option<SegmentRef>,
        import: &mut Import,
    ) -> Result<LineCounts, Failure> {
        let total = lists.iter().map(|list| list.bytes).sum();
        let progress = Progress::of_bytes("reading", total, self.quiet);
        let mut lines = LineCounts::default();
        for InputFile { name, format, input, .. } in lists {
            let reader = LineReader { format: format.into(), segment: segment.clone(), hashed: self.hashed };
            let mut bad_line = |bad: BadLine| {
                if self.bad_lines == BadLines::Fail {
                    return Err(bad.into());
                }
                lines.skipped += 1;
                match lines.skipped {
                    0..=MAX_REPORTED_LINES => {
                        progress.println(&format!("{WARN}skipped:{WARN:#} {name}: {bad}"));
                    }
                    nth if nth == MAX_REPORTED_LINES + 1 => {
                        progress.println("skipped: further lines are only counted")
                    }
                    _ => {}
                }
                Ok(())
            };
            lines.read +=
                reader.read(progress.wrap_read(input), import, &mut bad_line).map_err(|e| e.at(&name))?;
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
        let contexts = output::count(*contexts);
        let memberships = output::count(*memberships);
        let rate = output::count(*contexts_per_second);
        output::line(format_args!("imported {contexts} contexts, {memberships} memberships, into {store}"))?;
        output::line(format_args!("took {seconds:.2} s, {rate} contexts/s"))?;
        if let Some(segment) = &self.replace {
            let replaced = output::count(summary.replaced);
            output::line(format_args!("{segment} had {replaced} members before"))?;
        }
        if summary.skipped_lines > 0 {
            let skipped = output::count(summary.skipped_lines);
            let lines = output::count(summary.lines);
            output::line(format_args!("skipped {skipped} of {lines} lines"))?;
        }
        Ok(())
    }
}

/// Describes the state after an interrupted import into a store that is loaded in batches.
fn partial_import(contexts: u64) -> String {
    let retry = "the import may be partial; run it again to complete it";
    match contexts {
        0 => retry.to_owned(),
        written => format!("{retry}; --resume-after {written} skips the contexts that were written"),
    }
}

impl Summary {
    fn new(store: &StoreConfig, lines: &LineCounts, report: &ImportReport, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
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
