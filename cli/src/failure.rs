//! Why a command ends early: a message for a person and an exit status for a program.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use bigseg_core::{Error, ErrorKind};

use crate::exit::Exit;
use crate::output::BAD;

/// A failure of the whole command.
pub(crate) struct Failure {
    exit: Exit,
    words: Words,
}

enum Words {
    /// One sentence; empty = there is nothing to say.
    Message(String),
    /// The parser of the command line has its own way to show things.
    CommandLine(Box<clap::Error>),
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, words: Words::Message(message.into()) }
    }

    /// The command line asks for something that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The operating system failed.
    pub(crate) fn io(doing: impl Display, error: &io::Error) -> Self {
        Self::new(Exit::Io, format!("{doing}: {error}"))
    }

    /// The parser of the command line shows something, which need not be an error.
    pub(crate) fn shown(error: clap::Error, exit: Exit) -> Self {
        Self { exit, words: Words::CommandLine(Box::new(error)) }
    }

    /// Adds what the failure means for the state of things.
    pub(crate) fn but(mut self, consequence: &str) -> Self {
        if let Words::Message(message) = &mut self.words {
            message.push_str("; ");
            message.push_str(consequence);
        }
        self
    }

    /// Says it on standard error.
    pub(crate) fn report(self) -> ExitCode {
        match self.words {
            Words::Message(message) if message.is_empty() => {}
            Words::Message(message) => anstream::eprintln!("{BAD}bigseg:{BAD:#} {message}"),
            // When standard error is closed, too, nobody can be told.
            Words::CommandLine(error) => drop(error.print()),
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

/// Only writing to standard output fails without further words.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Whoever reads the output has seen enough, as `head` does.
            io::ErrorKind::BrokenPipe => Self::new(Exit::Success, ""),
            _ => Self::io("writing to standard output", &error),
        }
    }
}
