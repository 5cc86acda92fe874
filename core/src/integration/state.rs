//! The state of an integration, as data.

use crate::status;
use crate::sync::{SyncCounters, SyncFailure, SyncPhase, SyncStatus};

/// The state of an integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IntegrationState {
    /// It is turned off, or closed.
    Off,
    /// It fetches the patches that the store does not have yet; see
    /// [`IntegrationStatus::progress`].
    Initializing,
    /// The store matches the upstream, and changes are applied as they happen.
    Healthy,
    /// The store does not match the upstream because of [`IntegrationStatus::error`]; every failure
    /// is retried.
    Failing,
}

impl IntegrationState {
    /// Every state.
    pub const ALL: &'static [IntegrationState] =
        &[Self::Off, Self::Initializing, Self::Healthy, Self::Failing];

    /// Returns the stable name in `snake_case`, from which the bindings derive theirs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Initializing => "initializing",
            Self::Healthy => "healthy",
            Self::Failing => "failing",
        }
    }
}

/// Progress of loading the store: of the current run, or of the last one while there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrationProgress {
    /// Patches applied.
    pub patches: u64,
    /// Operations applied. One operation adds a context to a list, or removes it.
    pub operations: u64,
    /// Operations per second, on average since loading began.
    pub operations_per_second: u64,
}

/// The status of an integration at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrationStatus {
    /// The state.
    pub state: IntegrationState,
    /// When the state began, in Unix milliseconds.
    pub since: i64,
    /// When the store was last in sync, in Unix milliseconds; `None` = never, as far as is known.
    pub last_synchronized: Option<i64>,
    /// The failure that keeps the store from matching the upstream, while the state is
    /// [`IntegrationState::Failing`].
    pub error: Option<SyncFailure>,
    /// When anything last failed, in Unix milliseconds; `None` = the error log is empty.
    pub last_error: Option<i64>,
    /// Progress of loading the store.
    pub progress: IntegrationProgress,
    /// Counters since the integration was last turned on, or its store or its upstream changed.
    pub counters: SyncCounters,
}

impl IntegrationStatus {
    /// Returns the status of an integration that is off.
    pub(super) fn off(now: i64) -> Self {
        Self {
            state: IntegrationState::Off,
            since: now,
            last_synchronized: None,
            error: None,
            last_error: None,
            progress: IntegrationProgress::default(),
            counters: SyncCounters::default(),
        }
    }

    /// Takes over the status of the worker; `began` is when the worker was started.
    pub(super) fn follow_worker(&mut self, worker: &SyncStatus, began: i64, now: i64) {
        let state = match (worker.phase, &worker.error) {
            (SyncPhase::Synchronized, _) => IntegrationState::Healthy,
            (SyncPhase::Stopped, _) => IntegrationState::Off,
            (_, Some(_)) => IntegrationState::Failing,
            (_, None) => IntegrationState::Initializing,
        };
        self.enter(state, now);
        self.error = worker.error.clone().filter(|_| state == IntegrationState::Failing);
        self.last_synchronized = worker.last_synchronized.or(self.last_synchronized);
        let operations = worker.progress.operations;
        let rate = match state {
            IntegrationState::Initializing | IntegrationState::Failing => {
                let millis = u64::try_from(now.saturating_sub(began)).unwrap_or(0).max(1);
                operations.saturating_mul(1000) / millis
            }
            _ => self.progress.operations_per_second,
        };
        self.progress =
            IntegrationProgress { patches: worker.progress.patches, operations, operations_per_second: rate };
        self.counters = worker.counters;
    }

    /// Records that no worker could be started.
    pub(super) fn fail(&mut self, error: SyncFailure, now: i64) {
        self.enter(IntegrationState::Failing, now);
        self.error = Some(error);
    }

    /// Records that the integration is off.
    pub(super) fn turn_off(&mut self, now: i64) {
        self.enter(IntegrationState::Off, now);
        self.error = None;
    }

    fn enter(&mut self, state: IntegrationState, now: i64) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }

    /// Returns whether the store answers, as far as is known: `available` in
    /// docs/spec.md#integration-status.
    pub fn is_available(&self) -> bool {
        !self.error.as_ref().is_some_and(is_store_failure)
    }

    /// Returns whether a reader may report the store as stale at `now`, in Unix milliseconds.
    /// Assumes the default of [`stale_after`](crate::EngineConfig::stale_after), 120 s:
    /// `potentiallyStale` in docs/spec.md#integration-status.
    pub fn is_potentially_stale(&self, now: i64) -> bool {
        let limit = i64::try_from(status::DEFAULT_STALE_AFTER.as_millis()).unwrap_or(i64::MAX);
        self.last_synchronized.is_none_or(|at| now.saturating_sub(at) >= limit)
    }
}

/// Returns whether the store failed: its kinds have the numbers from 300.
fn is_store_failure(failure: &SyncFailure) -> bool {
    (300..400).contains(&failure.kind.number())
}
