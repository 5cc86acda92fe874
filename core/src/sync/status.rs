//! The worker's state as data.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::retry::AttemptError;
use crate::clock::Clock;
use crate::error::ErrorKind;
use crate::runtime::LeakAfterFork;

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncPhase {
    /// It fetches the patches that the store does not have yet.
    CatchingUp,
    /// The store matches the upstream, and the worker follows the stream of changes.
    Synchronized,
    /// It waits before the next attempt. [`SyncStatus::error`] has the reason, unless the reason is
    /// only that patches came out of order.
    Waiting,
    /// It has stopped.
    Stopped,
}

/// A failure, as the status records it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncFailure {
    /// The kind of failure, for programs.
    pub kind: ErrorKind,
    /// The HTTP status of the upstream's response, if there was one.
    pub status_code: Option<u16>,
    /// The message, for people; it contains neither the SDK key nor any context.
    pub message: String,
    /// When it happened first, in Unix milliseconds.
    pub since: i64,
    /// When it happened last, in Unix milliseconds.
    pub timestamp: i64,
    /// How many times it happened in a row.
    pub times: u64,
}

/// Progress of catching up: of the current run, or of the last one while there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncProgress {
    /// Patches applied.
    pub patches: u64,
    /// Operations applied. One operation adds a context to a list, or removes it.
    pub operations: u64,
}

/// Counters since the worker was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncCounters {
    /// Patches applied.
    pub patches: u64,
    /// Operations applied.
    pub operations: u64,
    /// Patches that the store already had.
    pub repeated: u64,
    /// Pages fetched, empty ones included.
    pub pages: u64,
    /// Streams opened.
    pub streams: u64,
    /// Times that a patch did not follow the store's cursor, or another writer had moved it.
    pub out_of_order: u64,
    /// Times that the store had lost its cursor.
    pub data_losses: u64,
}

/// The state of a worker at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncStatus {
    /// What the worker is doing.
    pub phase: SyncPhase,
    /// When the phase began, in Unix milliseconds.
    pub since: i64,
    /// When this worker last wrote the sync marker, in Unix milliseconds; `None` = not yet.
    pub last_synchronized: Option<i64>,
    /// The failure that keeps the store from being in sync; `None` = no failure is known.
    pub error: Option<SyncFailure>,
    /// The last failures, newest first, at most [`SyncStatus::ERRORS`]. Equal failures in a row are
    /// one entry.
    pub errors: Vec<SyncFailure>,
    /// Progress of catching up.
    pub progress: SyncProgress,
    /// Counters since the start.
    pub counters: SyncCounters,
}

impl SyncStatus {
    /// The most entries of [`errors`](Self::errors).
    pub const ERRORS: usize = 20;

    /// Returns whether the store matches the upstream.
    pub fn is_healthy(&self) -> bool {
        self.phase == SyncPhase::Synchronized
    }
}

/// A subscription to a worker's status: the current status first, then each change. A slow
/// subscriber sees only the latest one.
pub struct SyncUpdates {
    statuses: watch::Receiver<SyncStatus>,
    stopped: LeakAfterFork<CancellationToken>,
    is_finished: bool,
}

impl SyncUpdates {
    /// Waits for the next status. Returns `None` after the status of a worker that has stopped.
    pub async fn next(&mut self) -> Option<SyncStatus> {
        if self.is_finished {
            return None;
        }
        let changed = self.stopped.run_until_cancelled(self.statuses.changed()).await;
        let status = self.statuses.borrow_and_update().clone();
        self.is_finished = !matches!(changed, Some(Ok(()))) || status.phase == SyncPhase::Stopped;
        Some(status)
    }
}

/// Holds the status and publishes its changes.
pub(super) struct SyncTracker {
    clock: Clock,
    status: watch::Sender<SyncStatus>,
    stopped: CancellationToken,
}

impl SyncTracker {
    pub(super) fn new(clock: Clock) -> Self {
        let status = watch::Sender::new(SyncStatus {
            phase: SyncPhase::CatchingUp,
            since: clock.unix_millis(),
            last_synchronized: None,
            error: None,
            errors: Vec::new(),
            progress: SyncProgress::default(),
            counters: SyncCounters::default(),
        });
        Self { clock, status, stopped: CancellationToken::new() }
    }

    pub(super) fn current(&self) -> SyncStatus {
        self.status.borrow().clone()
    }

    pub(super) fn updates(&self) -> SyncUpdates {
        let mut statuses = self.status.subscribe();
        statuses.mark_changed();
        SyncUpdates { statuses, stopped: LeakAfterFork::new(self.stopped.clone()), is_finished: false }
    }

    fn enter(&self, status: &mut SyncStatus, phase: SyncPhase) {
        if status.phase != phase {
            status.phase = phase;
            status.since = self.clock.unix_millis();
        }
    }

    pub(super) fn catching_up(&self) {
        self.status.send_modify(|status| {
            status.progress = SyncProgress::default();
            self.enter(status, SyncPhase::CatchingUp);
        });
    }

    pub(super) fn synchronized(&self) {
        let mut recovered = false;
        self.status.send_modify(|status| {
            recovered = status.error.take().is_some() || status.counters.streams <= 1;
            self.enter(status, SyncPhase::Synchronized);
        });
        if recovered {
            log::info!("the store is in sync with the upstream");
        }
    }

    pub(super) fn waiting(&self) {
        self.status.send_modify(|status| self.enter(status, SyncPhase::Waiting));
    }

    pub(super) fn stopped(&self) {
        self.status.send_modify(|status| self.enter(status, SyncPhase::Stopped));
        self.stopped.cancel();
    }

    pub(super) fn marked_synced(&self, unix_millis: i64) {
        self.status.send_modify(|status| status.last_synchronized = Some(unix_millis));
    }

    /// Counts a patch that was applied, and those of its operations that were not counted before.
    pub(super) fn patch_applied(&self, operations: u64) {
        self.status.send_modify(|status| {
            status.progress.patches += 1;
            status.counters.patches += 1;
            add_operations(status, operations);
        });
    }

    /// Counts the operations of a chunk of a large patch.
    pub(super) fn chunk_applied(&self, operations: u64) {
        self.status.send_modify(|status| add_operations(status, operations));
    }

    pub(super) fn patch_repeated(&self) {
        self.count(|counters| counters.repeated += 1);
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut SyncCounters)) {
        self.status.send_modify(|status| count(&mut status.counters));
    }

    /// Records a failure, after which the worker waits. A failure that repeats the newest one only
    /// increases its count, and is not logged as a change.
    pub(super) fn failed(&self, error: &AttemptError) {
        let now = self.clock.unix_millis();
        let failure = SyncFailure {
            kind: error.error.kind(),
            status_code: error.http_status,
            message: error.error.message().to_owned(),
            since: now,
            timestamp: now,
            times: 1,
        };
        let mut is_new = true;
        self.status.send_modify(|status| {
            is_new = status.error.as_ref().is_none_or(|current| current.message != failure.message);
            match status.errors.first_mut() {
                Some(newest) if !is_new && newest.message == failure.message => {
                    newest.timestamp = failure.timestamp;
                    newest.times += 1;
                }
                _ => {
                    status.errors.insert(0, failure);
                    status.errors.truncate(SyncStatus::ERRORS);
                }
            }
            status.error = status.errors.first().cloned();
            self.enter(status, SyncPhase::Waiting);
        });
        if !is_new {
            log::debug!("sync failed again: {}", error.error);
        } else if error.needs_operator() {
            log::error!("sync failed: {}", error.error);
        } else {
            log::warn!("sync failed, retrying: {}", error.error);
        }
    }
}

fn add_operations(status: &mut SyncStatus, operations: u64) {
    status.progress.operations += operations;
    status.counters.operations += operations;
}
