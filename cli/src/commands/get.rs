use std::io::Write;

use bigseg::{Answer, ContextHash, LookupStatus, SegmentRef};
use serde::Serialize;

use crate::context::ContextArgument;
use crate::engine::EngineArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, BAD, FAINT, GOOD, HEADING};
use crate::table::{Cell, Table};
use crate::timestamp;

/// Show the segments that include or exclude a context
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg get --store local:./population.bigseg user-key
  bigseg get --hash CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0=     with BIGSEG_STORE set
  read -rs KEY; printf %s \"$KEY\" | bigseg get --json -               keeps the key out of the history")]
pub(crate) struct GetCommand {
    #[command(flatten)]
    engine: EngineArguments,

    #[command(flatten)]
    context: ContextArgument,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct GetJson<'a> {
    hash: ContextHash,
    included: Vec<&'a str>,
    excluded: Vec<&'a str>,
    status: &'static str,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<output::ErrorJson<'a>>,
}

impl GetCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let hash = self.context.hash()?;
        let (engine, _) = self.engine.open()?;
        let answer = engine.membership(hash).wait()?;
        if self.json {
            output::json(&to_json(hash, &answer))?;
        }
        if let Some(error) = answer.error {
            return Err(error.into());
        }
        if !self.json {
            print(hash, &answer, engine.status().last_up_to_date)?;
        }
        Ok(Exit::Success)
    }
}

fn to_json(hash: ContextHash, answer: &Answer) -> GetJson<'_> {
    GetJson {
        hash,
        included: answer.membership.included().iter().map(SegmentRef::as_str).collect(),
        excluded: answer.membership.excluded().iter().map(SegmentRef::as_str).collect(),
        status: answer.status.name(),
        origin: output::origin(answer.origin),
        error: answer.error.as_ref().map(output::ErrorJson::from),
    }
}

fn print(hash: ContextHash, answer: &Answer, last_up_to_date: Option<i64>) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    let membership = &answer.membership;
    let mut table = Table::new();
    table.push([Cell::styled("context", FAINT), Cell::text(hash.to_string())]);
    table.push([
        Cell::styled("status", FAINT),
        Cell::styled(answer.status.name(), output::status_style(answer.status)),
    ]);
    if answer.status == LookupStatus::Stale {
        let last = timestamp::last_up_to_date(last_up_to_date);
        table.push([Cell::styled("last up to date", FAINT), Cell::text(last)]);
    }
    if membership.is_empty() {
        table.push([Cell::styled("segments", FAINT), Cell::text("no value for any segment")]);
        return table.print(&mut out);
    }
    table.print(&mut out)?;
    writeln!(out)?;
    let mut table = Table::new();
    table.push([Cell::styled("segment", HEADING), Cell::styled("membership", HEADING)]);
    for (refs, membership, style) in
        [(membership.included(), "included", GOOD), (membership.excluded(), "excluded", BAD)]
    {
        for segment in refs {
            table.push([Cell::text(output::printable(segment.as_str())), Cell::styled(membership, style)]);
        }
    }
    table.print(&mut out)
}
