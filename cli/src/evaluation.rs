//! Shared by `evaluate` and `explain`: data, context, and the output of decisions.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use bigseg::segment::{Decider, Decision, EvaluationErrorKind};
use bigseg::{Context, Engine, ErrorKind};

use crate::engine::EngineArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, BAD, FAINT, GOOD, HEADING};
use crate::table::{Cell, Table};

/// The flags and segments, the store, and the context.
#[derive(clap::Args)]
pub(crate) struct EvaluationArguments {
    #[command(flatten)]
    engine: EngineArguments,

    /// The flags and segments, as the service sends them: {"flags":{…},"segments":{…}}
    #[arg(long, value_name = "FILE")]
    data: PathBuf,

    /// The context, as SDKs write it: {"kind":"user","key":…}; "-" reads it from standard input
    #[arg(long, value_name = "JSON")]
    context: String,
}

impl EvaluationArguments {
    /// Opens an engine, loads the data and parses the context.
    pub(crate) fn open(&self) -> Result<(Engine, Context), Failure> {
        let mut input = String::new();
        let json = match self.context.as_str() {
            "-" => {
                std::io::stdin()
                    .read_to_string(&mut input)
                    .map_err(|e| Failure::io("reading the context from standard input", &e))?;
                &input
            }
            json => json,
        };
        let context = Context::parse(json).map_err(data_error)?;
        let (engine, _) = self.engine.open()?;
        engine.load_data(&self.data).map_err(data_error)?;
        Ok((engine, context))
    }
}

/// Maps an invalid argument to invalid data: it came from a file, not from the command line.
fn data_error(error: bigseg::Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidArgument => Failure::new(Exit::Data, error.message()),
        _ => error.into(),
    }
}

/// Returns the failure of an evaluation that has no result.
pub(crate) fn evaluation_failure(kind: EvaluationErrorKind) -> Failure {
    let message = match kind {
        EvaluationErrorKind::FlagNotFound => "the data have no such flag",
        EvaluationErrorKind::SegmentNotFound => "the data have no such segment",
        EvaluationErrorKind::MalformedFlag => {
            "the flag, or one it refers to, is malformed: a circular reference, or a missing variation"
        }
        EvaluationErrorKind::ClientNotReady => "no data are loaded",
    };
    Failure::new(Exit::Data, format!("{message} ({kind})"))
}

/// Describes what decided.
pub(crate) fn reason_text(decision: &Decision) -> String {
    match decision.decider {
        Decider::Included => "included by the list".to_owned(),
        Decider::Excluded => "excluded by the list".to_owned(),
        Decider::Rule => rule_text(decision.rule_index.unwrap_or_default(), decision.rule_id.as_deref()),
        Decider::NoValue => "in no list, and no rule matches".to_owned(),
        Decider::NotConsulted => "the context has no individual context of the segment's kind".to_owned(),
        Decider::NotConfigured => {
            "the segment's generation is missing, so the store was not queried".to_owned()
        }
    }
}

/// Describes a matching rule.
pub(crate) fn rule_text(index: usize, id: Option<&str>) -> String {
    match id {
        Some(id) => format!("rule {index} ({}) matches", output::printable(id)),
        None => format!("rule {index} matches"),
    }
}

/// Returns the cell that shows whether a context is in a segment.
pub(crate) fn match_cell(is_match: bool) -> Cell {
    if is_match { Cell::styled("in the segment", GOOD) } else { Cell::styled("not in the segment", BAD) }
}

/// Prints a table of decisions.
pub(crate) fn print_decisions(decisions: &[Decision], out: &mut impl Write) -> io::Result<()> {
    if decisions.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = Table::new();
    let heading = |text| Cell::styled(text, HEADING);
    table.push([heading("segment"), heading("status"), heading("reason")]);
    for decision in decisions {
        let name = decision.segment_ref.as_ref().map_or(&*decision.segment_key, |segment| segment.as_str());
        let status = match decision.status {
            Some(status) => Cell::styled(status.name(), output::status_style(status)),
            None => Cell::styled("-", FAINT),
        };
        table.push([Cell::text(output::printable(name)), status, Cell::text(reason_text(decision))]);
    }
    table.print(out)
}
