//! The error log of an integration: bounded, newest first, and saved to a small file if the
//! integration has a state directory.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::sync::SyncFailure;

/// The last failures of one integration.
pub(super) struct ErrorLog {
    entries: Vec<SyncFailure>,
    file: Option<PathBuf>,
}

/// The most entries of an error log.
pub const ERROR_LOG_LENGTH: usize = 100;

/// The longest message that is saved, in characters.
const MAX_SAVED_MESSAGE: usize = 1000;

#[derive(Serialize, Deserialize)]
struct SavedFailure {
    kind: String,
    status_code: Option<u16>,
    message: String,
    since: i64,
    timestamp: i64,
    times: u64,
}

impl ErrorLog {
    /// Loads the log that an earlier process saved; a damaged file counts as an empty log. Blocks.
    pub(super) fn open(directory: Option<&Path>, id: &str) -> Self {
        let file = directory.map(|directory| directory.join(format!("{id}.errors.json")));
        let entries = file.as_deref().map(load).unwrap_or_default();
        Self { entries, file }
    }

    /// Returns the failures, newest first.
    pub(super) fn entries(&self) -> &[SyncFailure] {
        &self.entries
    }

    /// Merges the failures of a worker, newest first; returns whether one of them is new.
    pub(super) fn merge(&mut self, errors: &[SyncFailure]) -> bool {
        let mut insert_at = 0;
        let mut has_new = false;
        for error in errors {
            let is_same =
                |known: &SyncFailure| (known.since, &known.message) == (error.since, &error.message);
            match self.entries.iter().position(is_same) {
                Some(position) => {
                    self.entries[position] = error.clone();
                    insert_at = position + 1;
                }
                None if insert_at < ERROR_LOG_LENGTH => {
                    self.entries.insert(insert_at, error.clone());
                    insert_at += 1;
                    has_new = true;
                }
                // It is older than the oldest entry of a full log.
                None => {}
            }
        }
        self.entries.truncate(ERROR_LOG_LENGTH);
        has_new
    }

    /// Returns a copy of the log for [`save`]; `None` = the log has no file.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        Some(Snapshot { file: self.file.clone()?, entries: self.entries.clone() })
    }
}

/// A copy of the log at one moment, and the file to save it to.
pub(super) struct Snapshot {
    file: PathBuf,
    entries: Vec<SyncFailure>,
}

/// Saves the log atomically; blocks. A failure is logged, and the integration goes on.
pub(super) fn save(snapshot: &Snapshot) {
    if let Err(e) = write(snapshot) {
        log::warn!("writing the error log {}: {e}", snapshot.file.display());
    }
}

fn write(snapshot: &Snapshot) -> std::io::Result<()> {
    let saved: Vec<SavedFailure> = snapshot
        .entries
        .iter()
        .map(|error| SavedFailure {
            kind: error.kind.name().to_owned(),
            status_code: error.status_code,
            message: error.message.chars().take(MAX_SAVED_MESSAGE).collect(),
            since: error.since,
            timestamp: error.timestamp,
            times: error.times,
        })
        .collect();
    let directory = snapshot.file.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer_pretty(&mut temporary, &saved)?;
    temporary.write_all(b"\n")?;
    temporary.persist(&snapshot.file)?;
    Ok(())
}

fn load(file: &Path) -> Vec<SyncFailure> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(e) => {
            if e.kind() != std::io::ErrorKind::NotFound {
                log::warn!("reading the error log {}: {e}", file.display());
            }
            return Vec::new();
        }
    };
    let Ok(saved) = serde_json::from_slice::<Vec<SavedFailure>>(&text) else {
        log::warn!("the error log {} is damaged; starting an empty one", file.display());
        return Vec::new();
    };
    saved
        .into_iter()
        .take(ERROR_LOG_LENGTH)
        .filter_map(|saved| {
            Some(SyncFailure {
                kind: *ErrorKind::ALL.iter().find(|kind| kind.name() == saved.kind)?,
                status_code: saved.status_code,
                message: saved.message,
                since: saved.since,
                timestamp: saved.timestamp,
                times: saved.times,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(message: &str, since: i64, times: u64) -> SyncFailure {
        let timestamp = since + times as i64;
        let message = message.to_owned();
        SyncFailure { kind: ErrorKind::StoreUnavailable, status_code: None, message, since, timestamp, times }
    }

    fn messages(log: &ErrorLog) -> Vec<(&str, u64)> {
        log.entries().iter().map(|entry| (&*entry.message, entry.times)).collect()
    }

    #[test]
    fn failures_of_a_worker_are_merged_into_the_log() {
        let mut log = ErrorLog::open(None, "x");
        assert!(log.merge(&[error("b", 2, 1), error("a", 1, 3)]));
        assert!(!log.merge(&[error("b", 2, 5), error("a", 1, 3)]));
        assert_eq!(messages(&log), [("b", 5), ("a", 3)]);
        // Another worker, whose list of failures begins empty.
        assert!(log.merge(&[error("a", 9, 1)]));
        assert!(log.merge(&[error("c", 10, 1), error("a", 9, 1)]));
        assert_eq!(messages(&log), [("c", 1), ("a", 1), ("b", 5), ("a", 3)]);
    }

    #[test]
    fn the_oldest_entries_are_dropped() {
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
    fn a_damaged_file_counts_as_an_empty_log() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("x.errors.json"), "[{\"kind\":").unwrap();
        let mut log = ErrorLog::open(Some(directory.path()), "x");
        assert!(log.entries().is_empty());
        log.merge(&[error("a", 1, 2)]);
        save(&log.snapshot().unwrap());
        assert_eq!(messages(&ErrorLog::open(Some(directory.path()), "x")), [("a", 2)]);
    }
}
