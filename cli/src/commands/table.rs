use std::io::Write;

use bigseg_core::store::dynamodb::{ActionCheck, DynamoDbTable, TableState};
use bigseg_core::{ErrorKind, StoreConfig};
use clap::Subcommand;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, BAD, ErrorShown, FAINT, GOOD};
use crate::store::StoreArgument;
use crate::table::{Cell, Table};

/// Make a DynamoDB table, or find out what is wrong with one
///
/// The table has the partition key "namespace" and the sort key "key", both strings, as every SDK expects it. One table
/// holds any number of environments, each under a prefix of its own.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg table create --store 'dynamodb://my-table?region=eu-west-1'
  bigseg table check --store 'dynamodb://my-table?region=eu-west-1'")]
pub(crate) struct TableCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Create(CreateCommand),
    Check(CheckCommand),
}

/// Make the table, billed by request, and wait until it can be used
///
/// Needs the permissions dynamodb:CreateTable and dynamodb:DescribeTable. A table that is there already is left as it is.
#[derive(clap::Args)]
struct CreateCommand {
    #[command(flatten)]
    store: StoreArgument,
}

/// Look at the table's schema, and try what the credentials permit; nothing is changed
///
/// Exit status: 0 the store can be read, 69 it cannot. What is optional, or for writers only, is shown and does not count;
/// nor does dynamodb:DescribeTable, without which the schema is not shown.
#[derive(clap::Args)]
struct CheckCommand {
    #[command(flatten)]
    store: StoreArgument,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    store: String,
    status: Option<&'a str>,
    on_demand: Option<bool>,
    items: Option<u64>,
    actions: Vec<ActionShown<'a>>,
}

#[derive(Serialize)]
struct ActionShown<'a> {
    action: &'static str,
    purpose: &'static str,
    permitted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorShown<'a>>,
}

impl TableCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.what {
            What::Create(command) => command.run(),
            What::Check(command) => command.run(),
        }
    }
}

/// Opens the table of a store that has one.
fn open(store: &StoreArgument) -> Result<(StoreConfig, DynamoDbTable), Failure> {
    let config = store.config()?;
    match config.clone() {
        StoreConfig::DynamoDb(dynamodb) => Ok((config, DynamoDbTable::new(*dynamodb)?)),
        _ => {
            Err(Failure::usage("only stores in DynamoDB have a table; name one, such as dynamodb://my-table"))
        }
    }
}

impl CreateCommand {
    fn run(self) -> Result<Exit, Failure> {
        let (config, table) = open(&self.store)?;
        match table.create()? {
            true => output::line(format_args!("created {config}"))?,
            false => output::line(format_args!("{config} is there already, and as it should be"))?,
        }
        Ok(Exit::Success)
    }
}

impl CheckCommand {
    fn run(self) -> Result<Exit, Failure> {
        let (config, table) = open(&self.store)?;
        let state = match table.state() {
            Ok(state) => Some(state),
            // Whoever may only use the table can still learn whether that works.
            Err(e) if e.kind() == ErrorKind::StorePermission => None,
            Err(e) => return Err(e.into()),
        };
        let actions = table.actions()?;
        match self.json {
            true => output::json(&shown(&config, state.as_ref(), &actions))?,
            false => print(&config, state.as_ref(), &actions)?,
        }
        // The first is what every reader needs.
        Ok(if actions.first().is_some_and(|read| read.outcome.is_ok()) { Exit::Success } else { Exit::Store })
    }
}

fn shown<'a>(config: &StoreConfig, state: Option<&'a TableState>, actions: &'a [ActionCheck]) -> Shown<'a> {
    let action = |check: &'a ActionCheck| ActionShown {
        action: check.action,
        purpose: check.purpose,
        permitted: check.outcome.is_ok(),
        error: check.outcome.as_ref().err().map(ErrorShown::from),
    };
    Shown {
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
            table.push([Cell::styled("schema", FAINT), Cell::text("as it should be")]);
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
    // A denial explains itself in the table; anything else wants its words.
    for error in actions.iter().filter_map(|check| check.outcome.as_ref().err()) {
        if error.kind() != ErrorKind::StorePermission {
            output::line(error)?;
        }
    }
    Ok(())
}
