//! Parses the command line. Messages never repeat the arguments: one of them may be a context key.

use anstream::ColorChoice;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::commands::Command;
use crate::exit::Exit;
use crate::failure::Failure;

/// Fills, queries and inspects a Big Segments store: is this context in that segment?
///
/// Context keys are personal data: bigseg stores and prints only their hashes. A key given as an
/// argument is visible in the process list and in the shell's history; `-` reads it from standard
/// input instead.
#[derive(Parser)]
#[command(name = "bigseg", version, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print the engine's log to standard error; twice for more detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Applies the choice to everything printed from now on.
    pub(crate) fn write_global(self) {
        match self {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
    }
}

/// Builds the command-line definition, for parsing and for shell completion.
pub(crate) fn command() -> clap::Command {
    Arguments::command().after_help(Exit::help())
}

/// Parses the command line; `--help` and `--version` are returned as a failure that exits with 0.
pub(crate) fn parse() -> Result<Arguments, Failure> {
    let parsed = command().try_get_matches().and_then(|mut matches| {
        Arguments::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command()))
    });
    parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Failure::from_clap(error, Exit::Success),
        _ => Failure::from_clap(without_values(error), Exit::Usage),
    })
}

/// Removes the arguments from a message: any of them may be a context key in the wrong place.
fn without_values(mut error: clap::Error) -> clap::Error {
    let hidden = || ContextValue::String("…".to_owned());
    if error.kind() == ErrorKind::UnknownArgument {
        error.insert(ContextKind::InvalidArg, hidden());
    }
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidSubcommand] {
        if error.get(kind).is_some_and(|value| *value != ContextValue::String(String::new())) {
            error.insert(kind, hidden());
        }
    }
    error.remove(ContextKind::Suggested);
    error
}
