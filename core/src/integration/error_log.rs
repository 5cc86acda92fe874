//! What went wrong with an integration, newest first: bounded, and kept in a small file if there is a place for one.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::sync::SyncError;

/// The last errors of one integration.
pub(super) struct ErrorLog {
    entries: Vec<SyncError>,
    file: Option<PathBuf>,
}

/// How many errors are remembered.
pub const ERROR_LOG_LENGTH: usize = 100;

/// The longest message that is kept, in characters.
const MESSAGE_LENGTH: usize = 1000;

#[derive(Serialize, Deserialize)]
struct Kept {
    kind: String,
    status_code: Option<u16>,
    message: String,
    since: i64,
    timestamp: i64,
    times: u64,
}

impl ErrorLog {
    /// Reads what an earlier process has kept; a file that cannot be understood counts as none. Blocks.
    pub(super) fn open(directory: Option<&Path>, id: &str) -> Self {
        let file = directory.map(|directory| directory.join(format!("{id}.errors.json")));
        let entries = file.as_deref().map(read).unwrap_or_default();
        Self { entries, file }
    }

    /// Returns the errors, newest first.
    pub(super) fn entries(&self) -> &[SyncError] {
        &self.entries
    }

    /// Takes over the errors of a worker, newest first; returns whether one of them is new.
    pub(super) fn merge(&mut self, errors: &[SyncError]) -> bool {
        let mut place = 0;
        let mut grown = false;
        for error in errors {
            let is_same = |known: &SyncError| (known.since, &known.message) == (error.since, &error.message);
            match self.entries.iter().position(is_same) {
                Some(position) => {
                    self.entries[position] = error.clone();
                    place = position + 1;
                }
                None if place < ERROR_LOG_LENGTH => {
                    self.entries.insert(place, error.clone());
                    place += 1;
                    grown = true;
                }
                // What has been forgotten is not remembered again.
                None => {}
            }
        }
        self.entries.truncate(ERROR_LOG_LENGTH);
        grown
    }

    /// Returns what is to be kept, and where.
    pub(super) fn to_keep(&self) -> Option<(PathBuf, Vec<SyncError>)> {
        Some((self.file.clone()?, self.entries.clone()))
    }
}

/// Writes the log, at once or not at all; blocks. One that cannot be written is said to be so, and is no reason to stop.
pub(super) fn keep((file, entries): (PathBuf, Vec<SyncError>)) {
    let kept: Vec<Kept> = entries
        .iter()
        .map(|error| Kept {
            kind: error.kind.name().to_owned(),
            status_code: error.status_code,
            message: error.message.chars().take(MESSAGE_LENGTH).collect(),
            since: error.since,
            timestamp: error.timestamp,
            times: error.times,
        })
        .collect();
    let write = || {
        let directory = file.parent().unwrap_or(Path::new("."));
        let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer_pretty(&mut temporary, &kept)?;
        temporary.write_all(b"\n")?;
        temporary.persist(&file)?;
        Ok::<(), std::io::Error>(())
    };
    if let Err(e) = write() {
        log::warn!("the error log {} cannot be written: {e}", file.display());
    }
}

fn read(file: &Path) -> Vec<SyncError> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(e) => {
            if e.kind() != std::io::ErrorKind::NotFound {
                log::warn!("the error log {} cannot be read: {e}", file.display());
            }
            return Vec::new();
        }
    };
    let Ok(kept) = serde_json::from_slice::<Vec<Kept>>(&text) else {
        log::warn!("the error log {} is damaged; beginning another", file.display());
        return Vec::new();
    };
    kept.into_iter()
        .take(ERROR_LOG_LENGTH)
        .filter_map(|kept| {
            Some(SyncError {
                kind: *ErrorKind::ALL.iter().find(|kind| kind.name() == kept.kind)?,
                status_code: kept.status_code,
                message: kept.message,
                since: kept.since,
                timestamp: kept.timestamp,
                times: kept.times,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(message: &str, since: i64, times: u64) -> SyncError {
        let timestamp = since + times as i64;
        let (kind, message) = (ErrorKind::StoreUnavailable, message.to_owned());
        SyncError { kind, status_code: None, message, since, timestamp, times }
    }

    fn messages(log: &ErrorLog) -> Vec<(&str, u64)> {
        log.entries().iter().map(|entry| (&*entry.message, entry.times)).collect()
    }

    #[test]
    fn what_a_worker_remembers_is_added_to_what_is_known() {
        let mut log = ErrorLog::open(None, "x");
        assert!(log.merge(&[error("b", 2, 1), error("a", 1, 3)]));
        assert!(!log.merge(&[error("b", 2, 5), error("a", 1, 3)]));
        assert_eq!(messages(&log), [("b", 5), ("a", 3)]);
        // Another worker, which knows nothing of the former's.
        assert!(log.merge(&[error("a", 9, 1)]));
        assert!(log.merge(&[error("c", 10, 1), error("a", 9, 1)]));
        assert_eq!(messages(&log), [("c", 1), ("a", 1), ("b", 5), ("a", 3)]);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut log = ErrorLog::open(None, "x");
        for n in 0..150 {
            log.merge(&[error(&n.to_string(), n, 1)]);
        }
        assert_eq!((log.entries().len(), &*log.entries()[0].message), (ERROR_LOG_LENGTH, "149"));
        let before = messages(&log).iter().map(|(message, _)| message.to_string()).collect::<Vec<_>>();
        assert!(!log.merge(&[error("149", 149, 1), error("50", 50, 1), error("3", 3, 1)]));
        assert_eq!(messages(&log).iter().map(|(message, _)| *message).collect::<Vec<_>>(), before);
    }

    #[test]
    fn a_damaged_file_is_no_log() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("x.errors.json"), "[{\"kind\":").unwrap();
        let mut log = ErrorLog::open(Some(directory.path()), "x");
        assert!(log.entries().is_empty());
        log.merge(&[error("a", 1, 2)]);
        keep(log.to_keep().unwrap());
        assert_eq!(messages(&ErrorLog::open(Some(directory.path()), "x")), [("a", 2)]);
    }
}
