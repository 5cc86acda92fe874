use std::io;

use bigseg::segment::{Evaluation, Reason, ReasonKind, SegmentAnswer};
use bigseg::{LookupStatus, segment};
use serde_json::Value;

use crate::evaluation::{self, EvaluationArguments};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, FAINT};
use crate::table::{Cell, Table};

/// Evaluate a flag or a segment for a context, with the reason
///
/// Exit status with --segment: 0 in the segment, 1 not in the segment.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg evaluate --data flags.json --flag new-page --context '{\"kind\":\"user\",\"key\":\"user-key\"}'
  bigseg evaluate --data flags.json --segment beta --json --context - < context.json")]
pub(crate) struct EvaluateCommand {
    #[command(flatten)]
    arguments: EvaluationArguments,

    /// The key of the flag
    #[arg(long, value_name = "KEY", required_unless_present = "segment", conflicts_with = "segment")]
    flag: Option<String>,

    /// The key of the segment, instead of a flag
    #[arg(long, value_name = "KEY")]
    segment: Option<String>,

    /// The value returned if the flag cannot be evaluated
    #[arg(long, value_name = "JSON", default_value = "null", value_parser = parse_json)]
    default: Value,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl EvaluateCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let (engine, context) = self.arguments.open()?;
        match (&self.flag, &self.segment) {
            (Some(flag), _) => self.flag(engine.evaluate(flag, &context).default(&self.default).wait()?),
            (None, Some(segment)) => self.segment(engine.segment_contains(segment, &context).wait()?),
            (None, None) => Err(Failure::usage("name a --flag or a --segment")),
        }
    }

    fn flag(&self, evaluation: Evaluation) -> Result<Exit, Failure> {
        if self.json {
            output::json(&evaluation)?;
        }
        if let Some(kind) = evaluation.reason.error_kind {
            return Err(evaluation::evaluation_failure(kind));
        }
        if !self.json {
            print_flag(&evaluation)?;
        }
        Ok(exit_for(evaluation.reason.big_segments_status, Exit::Success))
    }

    fn segment(&self, answer: SegmentAnswer) -> Result<Exit, Failure> {
        if self.json {
            output::json(&answer)?;
        }
        if let Some(kind) = answer.error_kind {
            return Err(evaluation::evaluation_failure(kind));
        }
        if !self.json {
            let mut out = anstream::stdout().lock();
            let mut table = Table::new();
            table.push([Cell::styled("context", FAINT), evaluation::match_cell(answer.is_match)]);
            push_status(&mut table, answer.status);
            table.print(&mut out)?;
            evaluation::print_decisions(&answer.decisions, &mut out)?;
        }
        Ok(exit_for(answer.status, if answer.is_match { Exit::Success } else { Exit::NotInSegment }))
    }
}

/// Replaces the exit status if the store failed: the answer then lacks the membership.
fn exit_for(status: Option<LookupStatus>, exit: Exit) -> Exit {
    if status == Some(LookupStatus::StoreError) { Exit::Store } else { exit }
}

fn print_flag(evaluation: &Evaluation) -> io::Result<()> {
    let segment::Evaluation { value, variation, reason, decisions, .. } = evaluation;
    let mut out = anstream::stdout().lock();
    let mut table = Table::new();
    let name = |name: &str| Cell::styled(name, FAINT);
    table.push([name("value"), Cell::text(value.to_string())]);
    let variation = variation.map_or_else(|| "none: the default".to_owned(), |index| index.to_string());
    table.push([name("variation"), Cell::text(variation)]);
    table.push([name("reason"), Cell::text(format!("{}: {}", reason.kind, reason_text(reason)))]);
    push_status(&mut table, reason.big_segments_status);
    table.print(&mut out)?;
    evaluation::print_decisions(decisions, &mut out)
}

fn reason_text(reason: &Reason) -> String {
    let text = match reason.kind {
        ReasonKind::Off => "the flag is off".to_owned(),
        ReasonKind::Fallthrough => "no rule matches".to_owned(),
        ReasonKind::TargetMatch => "the context is a target of the flag".to_owned(),
        ReasonKind::RuleMatch => {
            evaluation::rule_text(reason.rule_index.unwrap_or_default(), reason.rule_id.as_deref())
        }
        ReasonKind::PrerequisiteFailed => {
            let flag = output::printable(reason.prerequisite_key.as_deref().unwrap_or_default());
            format!("the prerequisite flag {flag} serves another variation")
        }
        ReasonKind::Error => "the flag cannot be evaluated".to_owned(),
    };
    if reason.in_experiment { text + ", as part of an experiment" } else { text }
}

fn push_status(table: &mut Table, status: Option<LookupStatus>) {
    if let Some(status) = status {
        table
            .push([Cell::styled("status", FAINT), Cell::styled(status.name(), output::status_style(status))]);
    }
}

fn parse_json(text: &str) -> Result<Value, &'static str> {
    serde_json::from_str(text).map_err(|_| "invalid JSON; a string needs quotes")
}
