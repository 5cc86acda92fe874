//! Runs the built `bigseg` the way an operator does and looks at what comes out: output, messages, exit status.

mod answers;
mod command;
mod demo;
mod dynamodb;
mod evaluation;
mod help;
mod import;
mod interruption;
mod lists;
mod redis;
mod secrets;
mod sync;
mod sync_fixture;
mod sync_page;
mod terminal;
mod words;
