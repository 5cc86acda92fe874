//! What `evaluate` and `explain` have in common: the data, the context, and how decisions are shown.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use bigseg_core::segment::{Decider, Decision, EvaluationErrorKind};
use bigseg_core::{Context, Engine, ErrorKind};

use crate::engine::EngineArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, BAD, FAINT, GOOD, HEADING};
use crate::table::{Cell, Table};

/// Names the flags and segments, the store, and the context.
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
    /// Opens an engine with the data, and reads the context.
    pub(crate) fn open(&self) -> Result<(Engine, Context), Failure> {
        let mut typed = String::new();
        let json = match self.context.as_str() {
            "-" => {
                std::io::stdin()
                    .read_to_string(&mut typed)
                    .map_err(|e| Failure::io("reading the context from standard input", &e))?;
                &typed
            }
            json => json,
        };
        let context = Context::parse(json).map_err(misread)?;
        let (engine, _) = self.engine.open()?;
        engine.load_data(&self.data).map_err(misread)?;
        Ok((engine, context))
    }
}

/// What cannot be understood here is data, not the command line.
fn misread(error: bigseg_core::Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidArgument => Failure::new(Exit::Data, error.message()),
        _ => error.into(),
    }
}

/// Says why there is no real answer.
pub(crate) fn no_answer(kind: EvaluationErrorKind) -> Failure {
    let message = match kind {
        EvaluationErrorKind::FlagNotFound => "there is no such flag in the data",
        EvaluationErrorKind::SegmentNotFound => "there is no such segment in the data",
        EvaluationErrorKind::MalformedFlag => {
            "it contradicts itself, or what it refers to does: a circle of references, or a variation that is not there"
        }
        EvaluationErrorKind::ClientNotReady => "there are no data",
    };
    Failure::new(Exit::Data, format!("{message} ({kind})"))
}

/// Says what decided.
pub(crate) fn because(decision: &Decision) -> String {
    match decision.decider {
        Decider::Included => "the list includes it".to_owned(),
        Decider::Excluded => "the list excludes it".to_owned(),
        Decider::Rule => rule(decision.rule_index.unwrap_or_default(), decision.rule_id.as_deref()),
        Decider::NoValue => "no list has it, and no rule includes it".to_owned(),
        Decider::NotConsulted => "the context has nothing of the segment's kind".to_owned(),
        Decider::NotConfigured => "the segment's generation is missing, so nobody could be asked".to_owned(),
    }
}

/// Names a rule.
pub(crate) fn rule(index: usize, id: Option<&str>) -> String {
    match id {
        Some(id) => format!("rule {index} ({}) matches", output::printable(id)),
        None => format!("rule {index} matches"),
    }
}

/// Says whether something is in a segment.
pub(crate) fn verdict(is_match: bool) -> Cell {
    match is_match {
        true => Cell::styled("in the segment", GOOD),
        false => Cell::styled("not in the segment", BAD),
    }
}

/// Prints what several segments decided.
pub(crate) fn print_decisions(decisions: &[Decision], out: &mut impl Write) -> io::Result<()> {
    if decisions.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = Table::new();
    let head = |word| Cell::styled(word, HEADING);
    table.push([head("segment"), head("status"), head("because")]);
    for decision in decisions {
        let name = decision.segment_ref.as_ref().map_or(&*decision.segment_key, |segment| segment.as_str());
        let status = match decision.status {
            Some(status) => Cell::styled(status.name(), output::status_style(status)),
            None => Cell::styled("-", FAINT),
        };
        table.push([Cell::text(output::printable(name)), status, Cell::text(because(decision))]);
    }
    table.print(out)
}
