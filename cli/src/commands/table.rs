use std::io::Write;

use bigseg::store::dynamodb::{ActionCheck, DynamoDbTable, TableState};
use bigseg::{ErrorKind, StoreConfig};
use clap::Subcommand;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, BAD, ErrorJson, FAINT, GOOD};
use crate::store::StoreArgument;
use crate::table::{Cell, Table};

/// Create or check a DynamoDB table
///
/// The table has the partition key "namespace" and the sort key "key", both strings, as every SDK
/// expects. One table can hold several environments, each with its own prefix.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg table create --store 'dynamodb://my-table?region=eu-west-1'
  bigseg table check --store 'dynamodb://my-table?region=eu-west-1'")]
pub(crate) struct TableCommand {
    #[command(subcommand)]
    action: TableAction,
}

#[derive(Subcommand)]
enum TableAction {
    Create(CreateCommand),
    Check(CheckCommand),
}

/// Create the table with on-demand capacity, and wait until it is active
///
/// Needs the permissions dynamodb:CreateTable and dynamodb:DescribeTable. An existing table is not
/// changed.
#[derive(clap::Args)]
struct CreateCommand {
    #[command(flatten)]
    store: StoreArgument,
}

/// Check the table's schema and the permissions of the credentials; nothing is changed
///
/// Exit status: 0 the store can be read, 69 it cannot. Permissions that are optional or for writers
/// are shown but do not count. Without dynamodb:DescribeTable, the schema is not shown.
#[derive(clap::Args)]
struct CheckCommand {
    #[command(flatten)]
    store: StoreArgument,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct TableJson<'a> {
    store: String,
    status: Option<&'a str>,
    on_demand: Option<bool>,
    items: Option<u64>,
    actions: Vec<ActionJson<'a>>,
}

#[derive(Serialize)]
struct ActionJson<'a> {
    action: &'static str,
    purpose: &'static str,
    permitted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson<'a>>,
}

impl TableCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.action {
            TableAction::Create(command) => command.run(),
            TableAction::Check(command) => command.run(),
        }
    }
}

/// Opens the table of a DynamoDB store.
fn open(store: &StoreArgument) -> Result<(StoreConfig, DynamoDbTable), Failure> {
    let config = store.config()?;
    match config.clone() {
        StoreConfig::DynamoDb(dynamodb) => Ok((config, DynamoDbTable::new(*dynamodb)?)),
        _ => Err(Failure::usage("only DynamoDB stores have a table; name one, such as dynamodb://my-table")),
    }
}

impl CreateCommand {
    fn run(self) -> Result<Exit, Failure> {
        let (config, table) = open(&self.store)?;
        if table.create()? {
            output::line(format_args!("created {config}"))?;
        } else {
            output::line(format_args!("{config} exists already and has the right schema"))?;
        }
        Ok(Exit::Success)
    }
}

impl CheckCommand {
    fn run(self) -> Result<Exit, Failure> {
        let (config, table) = open(&self.store)?;
        let state = match table.state() {
            Ok(state) => Some(state),
            // Without DescribeTable, the other permissions can still be checked.
            Err(e) if e.kind() == ErrorKind::StorePermission => None,
            Err(e) => return Err(e.into()),
        };
        let actions = table.actions()?;
        if self.json {
            output::json(&to_json(&config, state.as_ref(), &actions))?;
        } else {
            print(&config, state.as_ref(), &actions)?;
        }
        // The first action is the one that every reader needs.
        Ok(if actions.first().is_some_and(|read| read.outcome.is_ok()) { Exit::Success } else { Exit::Store })
    }
}

fn to_json<'a>(
    config: &StoreConfig,
    state: Option<&'a TableState>,
    actions: &'a [ActionCheck],
) -> TableJson<'a> {
    let action = |check: &'a ActionCheck| ActionJson {
        action: check.action,
        purpose: check.purpose,
        permitted: check.outcome.is_ok(),
        error: check.outcome.as_ref().err().map(ErrorJson::from),
    };
    TableJson {
        store: config.to_string(),
        status: state.map(|state| state.status.as_str()),
        on_demand: state.map(|state| state.on_demand),
        items: state.map(|state| state.items),
        actions: actions.iter().map(action).collect(),
    }
}

fn print(config: &StoreConfig, state: Option<&TableState>, actions: &[ActionCheck]) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    let mut table = Table::new();
    table.push([Cell::styled("store", FAINT), Cell::text(config.to_string())]);
    match state {
        Some(state) => {
            let billing = if state.on_demand { "on demand" } else { "provisioned" };
            let items = format!("about {} items", output::count(state.items));
            table.push([Cell::styled("status", FAINT), Cell::text(&state.status)]);
            table.push([Cell::styled("capacity", FAINT), Cell::text(billing)]);
            table.push([Cell::styled("size", FAINT), Cell::text(items)]);
            table.push([Cell::styled("schema", FAINT), Cell::text("valid")]);
        }
        None => {
            table.push([Cell::styled("schema", FAINT), Cell::text("unknown, without dynamodb:DescribeTable")])
        }
    }
    table.print(&mut out)?;
    writeln!(out)?;
    let mut table = Table::new();
    for check in actions {
        let outcome = match &check.outcome {
            Ok(()) => Cell::styled("permitted", GOOD),
            Err(e) if e.kind() == ErrorKind::StorePermission => Cell::styled("denied", BAD),
            Err(_) => Cell::styled("failed", BAD),
        };
        table.push([Cell::text(check.action), outcome, Cell::styled(check.purpose, FAINT)]);
    }
    table.print(&mut out)?;
    drop(out);
    // The table shows denials; other errors are printed in full.
    for error in actions.iter().filter_map(|check| check.outcome.as_ref().err()) {
        if error.kind() != ErrorKind::StorePermission {
            output::line(error)?;
        }
    }
    Ok(())
}
