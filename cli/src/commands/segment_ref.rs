use bigseg::SegmentRef;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Compose a segment ref, or split one into its parts
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg ref beta 3               beta.g3
  bigseg ref my.beta.g3           my.beta  3")]
pub(crate) struct RefCommand {
    /// The segment's key, or a segment ref
    #[arg(value_name = "SEGMENT")]
    segment: String,

    /// The segment's generation; without it, SEGMENT is a ref to split
    generation: Option<u64>,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct RefJson<'a> {
    r#ref: &'a str,
    segment_key: &'a str,
    generation: Option<u64>,
}

impl RefCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let segment = match self.generation {
            Some(generation) => SegmentRef::new(&self.segment, generation)?,
            None => SegmentRef::parse(&self.segment)?,
        };
        let segment_key = segment.segment_key();
        let generation = segment.generation();
        if self.json {
            output::json(&RefJson { r#ref: segment.as_str(), segment_key, generation })?;
        } else if self.generation.is_some() {
            output::line(segment.as_str())?;
        } else {
            output::line(format_args!("{segment_key}\t{}", generation.unwrap_or_default()))?;
        }
        Ok(Exit::Success)
    }
}
