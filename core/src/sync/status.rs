//! The worker's state as data.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::retry::Failure;
use crate::clock::Clock;
use crate::error::ErrorKind;
use crate::runtime::LeakAfterFork;

/// What the worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncPhase {
    /// It fetches what the store does not have yet.
    CatchingUp,
    /// The store matches the upstream, and changes are followed as they happen.
    Synchronized,
    /// It waits before the next attempt; [`SyncStatus::error`] says why, unless it only lost its place in the order of patches.
    Waiting,
    /// It was stopped.
    Stopped,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncError {
    /// What failed, for branching.
    pub kind: ErrorKind,
    /// The HTTP status of the upstream's answer, if it gave one.
    pub status_code: Option<u16>,
    /// The sentence for a person; holds neither the SDK key nor any context.
    pub message: String,
    /// When it happened first, in Unix milliseconds.
    pub since: i64,
    /// When it happened last, in Unix milliseconds.
    pub timestamp: i64,
    /// How often it happened in a row.
    pub times: u64,
}

/// How far the present catching up, or the last one, has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncProgress {
    /// Patches applied.
    pub patches: u64,
    /// Operations in them: a context that joins or leaves a list.
    pub operations: u64,
}

/// What happened since the worker was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncCounters {
    /// Patches applied.
    pub patches: u64,
    /// Operations in them.
    pub operations: u64,
    /// Patches that the store had already.
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

/// The worker's state at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncStatus {
    /// What it is doing.
    pub phase: SyncPhase,
    /// Since when, in Unix milliseconds.
    pub since: i64,
    /// When the store was last declared synchronised by this worker, in Unix milliseconds; `None` = not yet.
    pub last_synchronized: Option<i64>,
    /// What keeps the store from being synchronised; `None` = nothing that is known.
    pub error: Option<SyncError>,
    /// The last errors, newest first, at most [`SyncStatus::ERRORS`]; the same one in a row is one entry.
    pub errors: Vec<SyncError>,
    /// How far catching up has come.
    pub progress: SyncProgress,
    /// What happened so far.
    pub counters: SyncCounters,
}

impl SyncStatus {
    /// How many errors are remembered.
    pub const ERRORS: usize = 20;

    /// Returns whether the store matches the upstream.
    pub fn is_healthy(&self) -> bool {
        self.phase == SyncPhase::Synchronized
    }
}

/// The statuses of a worker as they come: the current one first, then each change; the latest value wins.
pub struct SyncUpdates {
    statuses: watch::Receiver<SyncStatus>,
    ended: LeakAfterFork<CancellationToken>,
    last: bool,
}

impl SyncUpdates {
    /// Returns the next status, or `None` after that of a worker that has stopped.
    pub async fn next(&mut self) -> Option<SyncStatus> {
        if self.last {
            return None;
        }
        let news = self.ended.run_until_cancelled(self.statuses.changed()).await;
        let status = self.statuses.borrow_and_update().clone();
        self.last = !matches!(news, Some(Ok(()))) || status.phase == SyncPhase::Stopped;
        Some(status)
    }
}

/// Keeps the status, and tells those who follow it.
pub(super) struct SyncTracker {
    clock: Clock,
    status: watch::Sender<SyncStatus>,
    ended: CancellationToken,
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
        Self { clock, status, ended: CancellationToken::new() }
    }

    pub(super) fn current(&self) -> SyncStatus {
        self.status.borrow().clone()
    }

    pub(super) fn updates(&self) -> SyncUpdates {
        let mut statuses = self.status.subscribe();
        statuses.mark_changed();
        SyncUpdates { statuses, ended: LeakAfterFork::new(self.ended.clone()), last: false }
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
        self.ended.cancel();
    }

    pub(super) fn marked(&self, unix_millis: i64) {
        self.status.send_modify(|status| status.last_synchronized = Some(unix_millis));
    }

    /// Notes what was applied; the parts of a gigantic patch count as operations before it counts as a patch.
    pub(super) fn applied(&self, patches: u64, operations: u64) {
        self.status.send_modify(|status| {
            status.progress.patches += patches;
            status.progress.operations += operations;
            status.counters.patches += patches;
            status.counters.operations += operations;
        });
    }

    pub(super) fn repeated(&self) {
        self.count(|counters| counters.repeated += 1);
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut SyncCounters)) {
        self.status.send_modify(|status| count(&mut status.counters));
    }

    /// Notes a failure, after which the worker waits.
    pub(super) fn failed(&self, failure: &Failure) {
        let now = self.clock.unix_millis();
        let error = SyncError {
            kind: failure.error.kind(),
            status_code: failure.status,
            message: failure.error.message().to_owned(),
            since: now,
            timestamp: now,
            times: 1,
        };
        let mut is_news = true;
        self.status.send_modify(|status| {
            is_news = status.error.as_ref().is_none_or(|known| known.message != error.message);
            match status.errors.first_mut() {
                Some(newest) if !is_news && newest.message == error.message => {
                    newest.timestamp = error.timestamp;
                    newest.times += 1;
                }
                _ => {
                    status.errors.insert(0, error);
                    status.errors.truncate(SyncStatus::ERRORS);
                }
            }
            status.error = status.errors.first().cloned();
            self.enter(status, SyncPhase::Waiting);
        });
        match (is_news, failure.is_refusal()) {
            (true, true) => log::error!("the store is not kept in sync: {}", failure.error),
            (true, false) => log::warn!("the store is not kept in sync, trying again: {}", failure.error),
            (false, _) => log::debug!("still: {}", failure.error),
        }
    }
}
