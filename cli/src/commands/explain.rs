use std::io;

use bigseg::engine::Explanation;
use bigseg::segment::SegmentAnswer;
use bigseg::{ContextHash, Origin};
use serde::Serialize;

use crate::evaluation::{self, EvaluationArguments};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, BAD, FAINT};
use crate::table::{Cell, Table};

/// Explain why a context is in a segment, or is not
///
/// Exit status: 0 in the segment, 1 not in the segment.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg explain --data flags.json --segment beta --context '{\"kind\":\"user\",\"key\":\"user-key\"}'
  bigseg explain --data flags.json --segment beta --json --context - < context.json")]
pub(crate) struct ExplainCommand {
    #[command(flatten)]
    arguments: EvaluationArguments,

    /// The key of the segment
    #[arg(long, value_name = "KEY")]
    segment: String,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplainJson<'a> {
    #[serde(flatten)]
    answer: &'a SegmentAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<ContextHash>,
    /// True, false, or null for "no value".
    value: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    embedded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<output::ErrorJson<'a>>,
}

impl ExplainCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let (engine, context) = self.arguments.open()?;
        let explanation = engine.explain(&self.segment, &context).wait()?;
        if self.json {
            output::json(&ExplainJson {
                answer: &explanation.answer,
                hash: explanation.hash,
                value: explanation.value,
                origin: explanation.origin.map(output::origin),
                embedded: explanation.embedded,
                error: explanation.error.as_ref().map(output::ErrorJson::from),
            })?;
        }
        if let Some(kind) = explanation.answer.error_kind {
            return Err(evaluation::evaluation_failure(kind));
        }
        if !self.json {
            print(&explanation)?;
        }
        match &explanation.error {
            Some(error) => Err(error.clone().into()),
            None if explanation.answer.is_match => Ok(Exit::Success),
            None => Ok(Exit::NotInSegment),
        }
    }
}

fn print(explanation: &Explanation) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    let mut table = Table::new();
    let mut row = |name: &str, value: Cell| table.push([Cell::styled(name, FAINT), value]);
    let answer = &explanation.answer;
    let (own, others) = answer.decisions.split_first().expect("an evaluated segment has a decision");
    let name = own.segment_ref.as_ref().map_or(&*own.segment_key, |segment| segment.as_str());
    row("segment", Cell::text(output::printable(name)));
    if let Some(hash) = explanation.hash {
        row("context", Cell::text(hash.to_string()));
    }
    row("answer", evaluation::match_cell(answer.is_match));
    row("reason", Cell::text(evaluation::reason_text(own)));
    if let Some(origin) = explanation.origin {
        let word = match explanation.value {
            Some(true) => "included",
            Some(false) => "excluded",
            None => "no value",
        };
        row("membership", Cell::text(word));
        row("origin", Cell::text(origin_text(origin, explanation.embedded)));
    }
    if let Some(status) = answer.status {
        row("status", Cell::styled(status.name(), output::status_style(status)));
    }
    if let Some(error) = &explanation.error {
        row("error", Cell::styled(error.kind().name(), BAD));
    }
    table.print(&mut out)?;
    evaluation::print_decisions(others, &mut out)
}

fn origin_text(origin: Origin, embedded: bool) -> String {
    match origin {
        Origin::Store if embedded => "the embedded store".to_owned(),
        Origin::Store => "the store".to_owned(),
        Origin::Cache { age } => format!("the cache, {age:.0?} old"),
        Origin::LastKnown { age } => format!("the last known answer, {age:.0?} old"),
        Origin::Nothing => "none".to_owned(),
    }
}
