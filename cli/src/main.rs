//! The `bigseg` command: fills, queries, inspects and synchronizes a Big Segments store.

mod arguments;
mod commands;
mod context;
mod demo_data;
mod engine;
mod evaluation;
mod exit;
mod failure;
mod input_file;
mod logger;
mod output;
mod progress;
mod store;
mod sync;
mod table;
mod timestamp;

use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = arguments::parse().and_then(|arguments| {
        logger::start(arguments.verbose);
        arguments.color.write_global();
        commands::run(arguments.command, arguments::command)
    });
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}
