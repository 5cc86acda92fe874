//! The subcommands, one file each.

mod check;
mod completions;
mod demo;
mod evaluate;
mod explain;
mod export;
mod get;
mod hash;
mod import;
mod segment_ref;
mod stats;
mod status;
mod sync;
mod table;

use clap::Subcommand;

use crate::exit::Exit;
use crate::failure::Failure;

/// The subcommand to run.
#[derive(Subcommand)]
pub(crate) enum Command {
    Import(import::ImportCommand),
    Get(get::GetCommand),
    Check(check::CheckCommand),
    Explain(explain::ExplainCommand),
    Evaluate(evaluate::EvaluateCommand),
    Status(status::StatusCommand),
    Stats(stats::StatsCommand),
    Export(export::ExportCommand),
    Table(table::TableCommand),
    Sync(sync::SyncCommand),
    Hash(hash::HashCommand),
    Ref(segment_ref::RefCommand),
    Demo(demo::DemoCommand),
    Completions(completions::CompletionsCommand),
}

/// Runs the subcommand; `definition` describes the whole command line, for completions.
pub(crate) fn run(command: Command, definition: fn() -> clap::Command) -> Result<Exit, Failure> {
    match command {
        Command::Import(command) => command.run(),
        Command::Get(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Evaluate(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Stats(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Table(command) => command.run(),
        Command::Sync(command) => command.run(),
        Command::Hash(command) => command.run(),
        Command::Ref(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Completions(command) => command.run(definition()),
    }
}
