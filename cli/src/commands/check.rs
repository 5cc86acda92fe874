use bigseg::{ContextHash, LookupStatus, SegmentRef};
use serde::Serialize;

use crate::context::ContextArgument;
use crate::engine::EngineArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Check whether a context is in a segment; the exit status has the answer, too
///
/// Exit status: 0 included, 1 excluded, 3 no value (the segment's rules decide). "No value" is not
/// "excluded".
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg check --store local:./population.bigseg user-key beta.g3
  bigseg check --quiet --healthy user-key beta.g3 && echo \"in the beta\"")]
pub(crate) struct CheckCommand {
    #[command(flatten)]
    engine: EngineArguments,

    #[command(flatten)]
    context: ContextArgument,

    /// The segment and its generation
    #[arg(value_name = "SEGMENT.gN")]
    segment: String,

    /// Answer only if the store is up to date; exit with 4 when it is not
    #[arg(long)]
    healthy: bool,

    /// Print nothing; the exit status has the answer
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    hash: ContextHash,
    segment: &'a str,
    /// True, false, or null for "no value".
    check: Option<bool>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<output::ErrorJson<'a>>,
}

impl CheckCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let segment = SegmentRef::parse(&self.segment)?;
        let hash = self.context.hash()?;
        let (engine, _) = self.engine.open()?;
        let answer = engine.membership(hash).wait()?;
        let check = answer.check(segment.as_str());
        if self.json {
            output::json(&CheckJson {
                hash,
                segment: segment.as_str(),
                check,
                status: answer.status.name(),
                error: answer.error.as_ref().map(output::ErrorJson::from),
            })?;
        }
        if let Some(error) = answer.error {
            return Err(error.into());
        }
        let (word, exit) = match check {
            Some(true) => ("included", Exit::Success),
            Some(false) => ("excluded", Exit::NotInSegment),
            None => ("no value", Exit::NoValue),
        };
        let is_healthy = answer.status == LookupStatus::Healthy;
        if !self.json && !self.quiet {
            if is_healthy {
                output::line(word)?;
            } else {
                output::line(format_args!("{word} ({})", answer.status))?;
            }
        }
        Ok(if self.healthy && !is_healthy { Exit::NotHealthy } else { exit })
    }
}
