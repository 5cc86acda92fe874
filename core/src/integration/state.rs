//! The state of an integration, as data.

use crate::status;
use crate::sync::{SyncCounters, SyncError, SyncPhase, SyncStatus};

/// How an integration is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IntegrationState {
    /// It is turned off, or closed.
    Off,
    /// It fetches what the store does not have yet; [`IntegrationStatus::progress`] says how far it is.
    Initializing,
    /// The store matches the source, and changes are followed as they happen.
    Healthy,
    /// [`IntegrationStatus::error`] says what keeps the store from matching the source; it is tried again and again.
    Failing,
}

impl IntegrationState {
    /// Every state.
    pub const ALL: &'static [IntegrationState] =
        &[Self::Off, Self::Initializing, Self::Healthy, Self::Failing];

    /// Returns the stable name, in `snake_case`; the bindings derive theirs from it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Initializing => "initializing",
            Self::Healthy => "healthy",
            Self::Failing => "failing",
        }
    }
}

/// How far the present filling of the store, or the last one, has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IntegrationProgress {
    /// Patches applied.
    pub patches: u64,
    /// Operations in them: a context that joins or leaves a list.
    pub operations: u64,
    /// Operations in a second, on average since it began.
    pub operations_per_second: u64,
}

/// The status of an integration at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationStatus {
    /// How it is doing.
    pub state: IntegrationState,
    /// Since when, in Unix milliseconds.
    pub since: i64,
    /// When the store was last declared synchronised, in Unix milliseconds; `None` = never, as far as is known.
    pub last_synchronized: Option<i64>,
    /// What keeps the store from matching the source, while the state is [`IntegrationState::Failing`].
    pub error: Option<SyncError>,
    /// When something last failed, in Unix milliseconds; `None` = never, as far as the error log goes.
    pub last_error: Option<i64>,
    /// How far filling the store has come.
    pub progress: IntegrationProgress,
    /// What happened since it was last turned on, or its store or its source changed.
    pub counters: SyncCounters,
}

impl IntegrationStatus {
    /// Returns the status of one that does nothing.
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

    /// Takes over what the worker says; `began` is when filling began.
    pub(super) fn follow(&mut self, worker: &SyncStatus, began: i64, now: i64) {
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

    /// Notes that there can be no worker.
    pub(super) fn fail(&mut self, error: SyncError, now: i64) {
        self.enter(IntegrationState::Failing, now);
        self.error = Some(error);
    }

    /// Notes that it was turned off.
    pub(super) fn rest(&mut self, now: i64) {
        self.enter(IntegrationState::Off, now);
        self.error = None;
    }

    fn enter(&mut self, state: IntegrationState, now: i64) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }

    /// Returns whether the store answers, as far as is known: the `available` of docs/spec.md#integration-status.
    pub fn is_available(&self) -> bool {
        let of_store = |error: &SyncError| (300..400).contains(&error.kind.number());
        !self.error.as_ref().is_some_and(of_store)
    }

    /// Returns whether readers may take the store for stale at that time, in Unix milliseconds, unless they were told to wait
    /// longer or less than [120 s](crate::EngineConfig::DEFAULT_STALE_AFTER): the `potentiallyStale` of docs/spec.md#integration-status.
    pub fn is_potentially_stale(&self, now: i64) -> bool {
        let limit = i64::try_from(status::DEFAULT_STALE_AFTER.as_millis()).unwrap_or(i64::MAX);
        self.last_synchronized.is_none_or(|at| now.saturating_sub(at) >= limit)
    }
}
