use std::time::Duration;

use bigseg::engine::PushInvalidation;
use bigseg::store::Limitation;
use bigseg::{LookupStatus, StoreConfig, StoreStatus};
use serde::Serialize;

use crate::engine::EngineArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, FAINT, WARN};
use crate::table::{Cell, Table};
use crate::timestamp;

/// Check whether the store answers and is up to date; the exit status has the answer, too
///
/// Exit status: 0 HEALTHY, 4 STALE, 69 STORE_ERROR.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg status --store local:./population.bigseg
  bigseg status --json --stale-after never")]
pub(crate) struct StatusCommand {
    #[command(flatten)]
    engine: EngineArguments,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// Polls of the engine's status until push invalidation is either active or refused.
const PUSH_POLLS: u32 = 1000;
const PUSH_POLL_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Serialize)]
struct StatusJson<'a> {
    store: String,
    status: &'static str,
    available: bool,
    stale: bool,
    last_up_to_date: Option<i64>,
    last_error: Option<LastErrorJson<'a>>,
    since: i64,
    clock_skew: bool,
    push_invalidation: bool,
    limitations: Vec<LimitationJson<'a>>,
}

#[derive(Serialize)]
struct LimitationJson<'a> {
    feature: &'static str,
    reason: &'a str,
}

#[derive(Serialize)]
struct LastErrorJson<'a> {
    kind: &'static str,
    message: &'a str,
    at: i64,
}

impl StatusCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let (engine, store) = self.engine.open_with(PushInvalidation::Auto)?;
        let mut status = engine.refresh_status().wait()?;
        for _ in 0..PUSH_POLLS {
            if !store.supports_push() || !status.available || is_push_settled(&status) {
                break;
            }
            std::thread::sleep(PUSH_POLL_INTERVAL);
            status = engine.status();
        }
        // The status of a lookup while the store has this status.
        let (lookup_status, exit) = match (status.available, status.stale) {
            (true, false) => (LookupStatus::Healthy, Exit::Success),
            (true, true) => (LookupStatus::Stale, Exit::NotHealthy),
            (false, _) => (LookupStatus::StoreError, Exit::Store),
        };
        if self.json {
            output::json(&to_json(&store, lookup_status, &status))?;
        } else {
            print(&store, lookup_status, &status)?;
        }
        Ok(exit)
    }
}

fn to_json<'a>(store: &StoreConfig, lookup_status: LookupStatus, status: &'a StoreStatus) -> StatusJson<'a> {
    StatusJson {
        store: store.to_string(),
        status: lookup_status.name(),
        available: status.available,
        stale: status.stale,
        last_up_to_date: status.last_up_to_date,
        last_error: status.last_error.as_ref().map(|error| LastErrorJson {
            kind: error.kind.name(),
            message: &error.message,
            at: error.at,
        }),
        since: status.since,
        clock_skew: status.clock_skew,
        push_invalidation: status.push_invalidation,
        limitations: status
            .limitations
            .iter()
            .map(|limitation| LimitationJson { feature: limitation.feature, reason: &limitation.reason })
            .collect(),
    }
}

fn is_push_settled(status: &StoreStatus) -> bool {
    let refused = |limitation: &Limitation| limitation.feature == Limitation::PUSH_INVALIDATION;
    status.push_invalidation || status.limitations.iter().any(refused)
}

fn print(store: &StoreConfig, lookup_status: LookupStatus, status: &StoreStatus) -> std::io::Result<()> {
    let yes_no = |yes: bool| Cell::text(if yes { "yes" } else { "no" });
    let mut table = Table::new();
    let mut row = |name: &str, value: Cell| table.push([Cell::styled(name, FAINT), value]);
    row("store", Cell::text(store.to_string()));
    row("status", Cell::styled(lookup_status.name(), output::status_style(lookup_status)));
    row("available", yes_no(status.available));
    row("stale", yes_no(status.stale));
    row("last up to date", Cell::text(timestamp::last_up_to_date(status.last_up_to_date)));
    if status.clock_skew {
        row(
            "clock",
            Cell::styled("the sync time is in the future: this clock or the writer's is wrong", WARN),
        );
    }
    if store.supports_push() {
        row("push invalidation", yes_no(status.push_invalidation));
    }
    for Limitation { feature, reason } in &status.limitations {
        row("limitation", Cell::styled(format!("{feature}: {reason}"), WARN));
    }
    if let Some(error) = &status.last_error {
        row("last error", Cell::text(format!("{} ({})", error.message, error.kind)));
    }
    table.print(&mut anstream::stdout().lock())
}
