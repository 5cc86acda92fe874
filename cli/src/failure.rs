//! The failure of a command: a message for people and an exit status for programs.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use bigseg::{Error, ErrorKind};

use crate::exit::Exit;
use crate::output::BAD;

/// A failure of the whole command.
pub(crate) struct Failure {
    exit: Exit,
    output: Output,
}

enum Output {
    /// One sentence; nothing is printed if it is empty.
    Message(String),
    /// A message that clap formats itself.
    CommandLine(Box<clap::Error>),
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, output: Output::Message(message.into()) }
    }

    /// Creates the failure of an invalid command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Creates the failure of an input or output operation.
    pub(crate) fn io(operation: impl Display, error: &io::Error) -> Self {
        Self::new(Exit::Io, format!("{operation}: {error}"))
    }

    /// Wraps a message of clap, which may be the help text.
    pub(crate) fn from_clap(error: clap::Error, exit: Exit) -> Self {
        Self { exit, output: Output::CommandLine(Box::new(error)) }
    }

    /// Appends what the failure means for the stored data.
    pub(crate) fn with_consequence(mut self, consequence: &str) -> Self {
        if let Output::Message(message) = &mut self.output {
            message.push_str("; ");
            message.push_str(consequence);
        }
        self
    }

    /// Prints the failure to standard error and returns the exit status.
    pub(crate) fn report(self) -> ExitCode {
        match self.output {
            Output::Message(message) if message.is_empty() => {}
            Output::Message(message) => anstream::eprintln!("{BAD}bigseg:{BAD:#} {message}"),
            // Fails only if standard error is closed; there is no other place to report it.
            Output::CommandLine(error) => drop(error.print()),
        }
        self.exit.into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use ErrorKind::{
            InvalidArgument, InvalidConfig, InvalidContextHash, InvalidContextKey, InvalidInput,
            InvalidSegmentRef, Unsupported,
        };
        let exit = match error.kind() {
            InvalidArgument | InvalidConfig | Unsupported => Exit::Usage,
            InvalidContextKey | InvalidContextHash | InvalidSegmentRef | InvalidInput => Exit::Data,
            kind if (300..400).contains(&kind.number()) => Exit::Store,
            _ => Exit::Internal,
        };
        Self::new(exit, error.message())
    }
}

/// Converts an error of writing to standard output, the only operation used without a description.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // The reader closed the pipe, as `head` does: no failure.
            io::ErrorKind::BrokenPipe => Self::new(Exit::Success, ""),
            _ => Self::io("writing to standard output", &error),
        }
    }
}
