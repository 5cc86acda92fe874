//! `bigseg demo`: generates data, loads them, looks some contexts up, and prints the times.

mod load;
mod measure;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use bigseg::{Answer, Engine, EngineConfig, SegmentRef, StoreConfig};

use crate::demo_data::{DemoData, SEGMENTS};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, BAD, FAINT, GOOD, HEADING};
use crate::progress::Progress;
use crate::table::{Cell, Table};

/// Contexts whose answers are printed.
const SAMPLE: u64 = 8;

/// Load generated data into an embedded store, look some contexts up, and print the times
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg demo
  bigseg demo --contexts 10000000 --store local:/tmp/ten-million.bigseg
  bigseg demo --csv population.csv && bigseg import --store local:./population.bigseg population.csv")]
pub(crate) struct DemoCommand {
    /// The store to fill, which must not exist yet; by default the demo's own, which is replaced
    /// each time
    #[arg(long, value_name = "STORE", conflicts_with = "csv")]
    store: Option<String>,

    /// The number of contexts to generate
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    contexts: u64,

    /// Only write the data to a CSV file, to measure an import; "-" is standard output
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

impl DemoCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let demo_data = DemoData { contexts: self.contexts };
        if let Some(path) = &self.csv {
            self.write_csv(demo_data, path)?;
            return Ok(Exit::Success);
        }
        let (store, path) = load::resolve_store(self.store.as_deref())?;
        let mut out = anstream::stdout();
        let contexts = output::count(self.contexts);
        writeln!(
            out,
            "{HEADING}Generated data{HEADING:#}: {contexts} contexts, each in 1 to 3 of {SEGMENTS} segments"
        )?;
        if cfg!(debug_assertions) {
            writeln!(
                out,
                "{FAINT}This is a debug build; a release build is several times as fast.{FAINT:#}"
            )?;
        }
        let loaded = load::load(demo_data, &store, self.quiet)?;
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        writeln!(out, "\n{HEADING}Loaded{HEADING:#} into {store}")?;
        let mut table = Table::new();
        table.push([Cell::text("  contexts"), Cell::text(output::count(loaded.contexts))]);
        table.push([Cell::text("  memberships"), Cell::text(output::count(loaded.memberships))]);
        table.push([Cell::text("  import"), Cell::text(loaded.rate())]);
        let bytes_per_context = bytes as f64 / loaded.contexts as f64;
        table
            .push([Cell::text("  on disk"), Cell::text(format!("{bytes_per_context:.1} bytes per context"))]);
        table.print(&mut out)?;

        let engine = Engine::open(EngineConfig::new(&store.to_string())?)?;
        writeln!(out, "\n{HEADING}Sample lookups{HEADING:#}")?;
        show_answers(&engine, demo_data, &mut out)?;

        writeln!(out, "\n{HEADING}Measured{HEADING:#} on one thread")?;
        measure::measure(&store, demo_data)?.print(&mut out)?;
        show_next_steps(&store, &mut out)?;
        Ok(Exit::Success)
    }

    fn write_csv(&self, demo_data: DemoData, path: &Path) -> Result<(), Failure> {
        if path == Path::new("-") {
            let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
            demo_data.write_csv(&mut out, |_| {})?;
            return Ok(out.flush()?);
        }
        let write_failed = |e| Failure::io(format_args!("writing {}", path.display()), &e);
        let mut out = BufWriter::with_capacity(1 << 16, File::create(path).map_err(write_failed)?);
        let progress = Progress::of_items("writing contexts", Some(demo_data.contexts), self.quiet);
        demo_data.write_csv(&mut out, |contexts| progress.set_position(contexts)).map_err(write_failed)?;
        out.flush().map_err(write_failed)
    }
}

fn show_answers(engine: &Engine, demo_data: DemoData, out: &mut impl Write) -> Result<(), Failure> {
    let mut table = Table::new();
    // One unknown context at the end shows the answer "no value".
    for index in (0..demo_data.contexts.min(SAMPLE)).chain([demo_data.contexts]) {
        let key = DemoData::key(index);
        let answer = engine.membership(&key).wait()?;
        let status = Cell::styled(answer.status.name(), output::status_style(answer.status));
        table.push([Cell::text(format!("  {key}")), status, Cell::text(describe(&answer))]);
    }
    Ok(table.print(out)?)
}

fn describe(answer: &Answer) -> String {
    let list = |refs: &[SegmentRef]| refs.iter().map(SegmentRef::as_str).collect::<Vec<_>>().join(", ");
    let included = list(answer.membership.included());
    let excluded = list(answer.membership.excluded());
    match (included.is_empty(), excluded.is_empty()) {
        (true, true) => "no value for any segment".to_owned(),
        (false, true) => format!("{GOOD}in{GOOD:#} {included}"),
        (true, false) => format!("{BAD}out of{BAD:#} {excluded}"),
        (false, false) => format!("{GOOD}in{GOOD:#} {included}; {BAD}out of{BAD:#} {excluded}"),
    }
}

fn show_next_steps(store: &StoreConfig, out: &mut impl Write) -> io::Result<()> {
    let key = DemoData::key(0);
    let segment = DemoData::segment_of(0);
    writeln!(out, "\n{HEADING}Try next{HEADING:#}")?;
    for command in [
        format!("export BIGSEG_STORE={store} BIGSEG_STALE_AFTER=never"),
        format!("bigseg get {key}"),
        format!("bigseg get --hash \"$(bigseg hash {key})\" --json"),
        format!("bigseg check {key} {segment}; echo $?"),
        "bigseg status".to_owned(),
        "bigseg stats".to_owned(),
        format!("bigseg export --segment {segment} | head -3"),
        format!("echo {key} | bigseg import --format csv --segment my-beta.g1 -"),
    ] {
        writeln!(out, "  {command}")?;
    }
    Ok(())
}
