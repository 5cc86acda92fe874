use std::collections::HashMap;
use std::io::Write;
use std::ops::ControlFlow;

use bigseg::SegmentRef;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, FAINT, HEADING};
use crate::progress::Progress;
use crate::store::StoreArgument;
use crate::table::{Cell, Table};

/// Contexts counted between two updates of the progress bar.
const PROGRESS_STEP: u64 = 4096;

/// Count a store's contexts and memberships by segment
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg stats --store local:./population.bigseg
  bigseg stats --json | jq '.segments | max_by(.included)'")]
pub(crate) struct StatsCommand {
    #[command(flatten)]
    store: StoreArgument,

    /// Show no progress
    #[arg(short, long)]
    quiet: bool,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Stats {
    store: String,
    contexts: u64,
    memberships: u64,
    segments: Vec<SegmentStats>,
}

#[derive(Serialize)]
struct SegmentStats {
    segment: String,
    included: u64,
    excluded: u64,
}

impl StatsCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let config = self.store.config()?;
        let mut contexts = 0;
        // Included and excluded, by segment.
        let mut counts: HashMap<SegmentRef, [u64; 2]> = HashMap::new();
        let progress = Progress::of_items("counting contexts", None, self.quiet);
        config.scanner()?.scan(&mut |_, membership| {
            contexts += 1;
            for (list, refs) in [membership.included(), membership.excluded()].into_iter().enumerate() {
                for segment in refs {
                    match counts.get_mut(segment) {
                        Some(count) => count[list] += 1,
                        None => counts.entry(segment.clone()).or_default()[list] += 1,
                    }
                }
            }
            if contexts % PROGRESS_STEP == 0 {
                progress.set_position(contexts);
            }
            ControlFlow::Continue(())
        })?;
        drop(progress);
        let mut segments: Vec<SegmentStats> = counts
            .into_iter()
            .map(|(segment, [included, excluded])| SegmentStats {
                segment: segment.as_str().to_owned(),
                included,
                excluded,
            })
            .collect();
        segments.sort_unstable_by(|a, b| a.segment.cmp(&b.segment));
        let memberships = segments.iter().map(|segment| segment.included + segment.excluded).sum();
        let stats = Stats { store: config.to_string(), contexts, memberships, segments };
        if self.json {
            output::json(&stats)?;
        } else {
            stats.print()?;
        }
        Ok(Exit::Success)
    }
}

impl Stats {
    fn print(&self) -> std::io::Result<()> {
        let mut out = anstream::stdout().lock();
        let mut table = Table::new();
        table.push([Cell::styled("store", FAINT), Cell::text(&self.store)]);
        table.push([Cell::styled("contexts", FAINT), Cell::text(output::count(self.contexts))]);
        table.push([Cell::styled("memberships", FAINT), Cell::text(output::count(self.memberships))]);
        table.print(&mut out)?;
        if self.segments.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let mut table = Table::new();
        let [segment, included, excluded] =
            ["segment", "included", "excluded"].map(|name| Cell::styled(name, HEADING));
        table.push([segment, included.right(), excluded.right()]);
        for segment in &self.segments {
            table.push([
                Cell::text(output::printable(&segment.segment)),
                Cell::number(segment.included),
                Cell::number(segment.excluded),
            ]);
        }
        table.print(&mut out)
    }
}
