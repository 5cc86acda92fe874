//! The exit statuses. `bigseg --help` prints this list.

use std::process::ExitCode;

/// The exit status of the command; numbers from 64 on have the meaning of `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Success = 0,
    NotInSegment = 1,
    NoValue = 3,
    NotHealthy = 4,
    Usage = 64,
    Data = 65,
    Store = 69,
    Internal = 70,
    Io = 74,
}

impl Exit {
    const ALL: [(Exit, &str); 9] = [
        (Exit::Success, "success; `check`: included"),
        (Exit::NotInSegment, "`check`: excluded; `explain`, `evaluate --segment`: not in the segment"),
        (Exit::NoValue, "`check`: no value, the segment's rules decide"),
        (Exit::NotHealthy, "`status`, `check --healthy`: the store answers but is not up to date"),
        (Exit::Usage, "the command line is invalid"),
        (
            Exit::Data,
            "a key, hash, segment ref, context, list, configuration file, or data of flags and segments is invalid",
        ),
        (Exit::Store, "the store is missing, damaged, full, or failed while answering"),
        (Exit::Internal, "a defect of bigseg"),
        (Exit::Io, "a file, standard input or standard output cannot be read or written"),
    ];

    /// Returns the text about exit statuses for `--help`.
    pub(crate) fn help() -> String {
        let mut help = "Exit status:".to_owned();
        for (exit, meaning) in Self::ALL {
            help.push_str(&format!("\n  {:>2}  {meaning}", exit as u8));
        }
        help
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
