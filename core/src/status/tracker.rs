use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::store_status::{LastError, StoreStatus};
use crate::clock::{Clock, Moment};
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind};
use crate::membership::LookupStatus;
use crate::metrics::Counters;
use crate::store::{Limitation, Metadata};

/// Value of [`StatusTracker::trusted_until`] while the store is unavailable.
const UNAVAILABLE: u64 = 0;

/// How a poll or a query ended.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// A poll read the store's metadata.
    PollSucceeded(Metadata),
    /// A poll failed.
    PollFailed(&'a Error),
    /// A query succeeded.
    QuerySucceeded,
    /// A query failed: the store is unavailable until a poll or a query succeeds.
    QueryFailed(&'a Error),
}

/// Whether the store pushes changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushState {
    /// Every change is pushed.
    Active,
    /// Changes may be missed, so answers expire after the cache time.
    Lost,
}

/// Keeps the status, and counts outcomes; all methods may be called from any thread.
pub struct StatusTracker {
    clock: Clock,
    stale_after: Option<Duration>,
    state: Mutex<State>,
    /// For lookups, in one word: [`UNAVAILABLE`], or the moment when the data become stale.
    trusted_until: AtomicU64,
    query_failing: AtomicBool,
    published: watch::Sender<Option<StoreStatus>>,
    epoch: Arc<Epoch>,
    counters: Arc<Counters>,
}

struct State {
    poll_failing: bool,
    query_failing: bool,
    polled: bool,
    synchronized_on: Option<i64>,
    /// When the sync time was last seen to change, on the monotonic clock.
    changed: Moment,
    stale_at: Moment,
    status: StoreStatus,
}

/// What publishing a status did.
enum Published {
    Unchanged,
    Changed { before: Option<StoreStatus> },
}

impl StatusTracker {
    /// Creates a tracker without observations. With `stale_after = None` a store never becomes
    /// stale once it was synchronized. It advances `epoch` whenever
    /// [`StatusTracker::lookup_status`] changes before its announced expiry.
    pub fn new(
        clock: Clock,
        stale_after: Option<Duration>,
        epoch: Arc<Epoch>,
        counters: Arc<Counters>,
    ) -> Self {
        let status = StoreStatus {
            available: false,
            stale: false,
            last_up_to_date: None,
            last_error: None,
            since: clock.unix_millis(),
            clock_skew: false,
            push_invalidation: false,
            limitations: Vec::new(),
        };
        let state = State {
            poll_failing: false,
            query_failing: false,
            polled: false,
            synchronized_on: None,
            changed: Moment::DISTANT_PAST,
            stale_at: Moment::NEVER,
            status,
        };
        Self {
            clock,
            stale_after,
            state: Mutex::new(state),
            trusted_until: AtomicU64::new(UNAVAILABLE),
            query_failing: AtomicBool::new(false),
            published: watch::Sender::new(None),
            epoch,
            counters,
        }
    }

    /// Records how a poll or a query ended: in the status, then in the counters. A query that
    /// succeeds costs one load unless one failed before.
    pub fn record(&self, outcome: Outcome<'_>) {
        let counters = &self.counters;
        match outcome {
            Outcome::PollSucceeded(metadata) => self.poll_succeeded(metadata),
            Outcome::PollFailed(error) => {
                self.update(|state, _| {
                    state.polled = true;
                    state.poll_failing = true;
                    self.set_last_error(state, error);
                });
                counters.status_poll_errors.add(1);
            }
            Outcome::QuerySucceeded => {
                if self.query_failing.load(Ordering::Acquire) {
                    self.update(|state, _| self.clear_query_failure(state));
                }
            }
            Outcome::QueryFailed(error) => {
                self.update(|state, _| {
                    state.query_failing = true;
                    self.query_failing.store(true, Ordering::Release);
                    self.set_last_error(state, error);
                });
                counters.store_errors.add(1);
            }
        }
        if let Outcome::PollFailed(error) | Outcome::QueryFailed(error) = outcome
            && error.kind() == ErrorKind::StoreThrottled
        {
            counters.store_throttles.add(1);
        }
        if let Outcome::PollSucceeded(_) | Outcome::PollFailed(_) = outcome {
            // Last, so that a reader of this counter also sees the status.
            counters.status_polls.add(1);
        }
    }

    fn poll_succeeded(&self, metadata: Metadata) {
        self.update(|state, now| {
            let unix_now = self.clock.unix_millis();
            if !state.polled || metadata.synchronized_on != state.synchronized_on {
                state.changed = now;
            }
            state.synchronized_on = metadata.synchronized_on;
            state.stale_at = self.becomes_stale(metadata.synchronized_on, state.changed, now, unix_now);
            state.status.last_up_to_date = metadata.synchronized_on;
            state.status.clock_skew = metadata.synchronized_on.is_some_and(|time| time > unix_now);
            state.polled = true;
            state.poll_failing = false;
            self.clear_query_failure(state);
        });
    }

    /// Records whether the store pushes changes.
    pub fn set_push(&self, push: PushState) {
        let is_active = push == PushState::Active;
        let mut was_active = is_active;
        self.update(|state, _| {
            was_active = std::mem::replace(&mut state.status.push_invalidation, is_active);
        });
        match push {
            PushState::Active if !was_active => log::info!("push invalidation active"),
            PushState::Lost if was_active => log::info!("push invalidation lost; using cache expiry"),
            PushState::Active | PushState::Lost => {}
        }
    }

    /// Records which optional features of the store are disabled.
    pub fn set_limitations(&self, limitations: Vec<Limitation>) {
        let mut added = Vec::new();
        self.update(|state, _| {
            let known = std::mem::replace(&mut state.status.limitations, limitations.clone());
            added = limitations;
            added.retain(|limitation| known.iter().all(|known| known.feature != limitation.feature));
        });
        for Limitation { feature, reason } in added {
            log::warn!("{feature} disabled: {reason}");
        }
    }

    /// Publishes that data have become stale between two polls.
    pub fn check_staleness(&self) {
        self.update(|_, _| {});
    }

    /// Edits the state, derives the status, and publishes and logs it if it changed.
    fn update(&self, edit: impl FnOnce(&mut State, Moment)) -> StoreStatus {
        let mut state = self.state.lock();
        let now = self.clock.now();
        edit(&mut state, now);
        let published = self.publish(&mut state, now);
        let status = state.status.clone();
        // The logger may be foreign code that reads the status.
        drop(state);
        if let Published::Changed { before } = published {
            log_change(before.as_ref(), &status);
        }
        status
    }

    fn clear_query_failure(&self, state: &mut State) {
        state.query_failing = false;
        self.query_failing.store(false, Ordering::Release);
    }

    fn set_last_error(&self, state: &mut State, error: &Error) {
        state.status.last_error = Some(LastError {
            kind: error.kind(),
            message: error.message().to_owned(),
            at: self.clock.unix_millis(),
        });
    }

    /// Returns when data last synchronized at that time become stale; may lie in the past.
    ///
    /// Two clocks decide, whichever comes first: the wall clock, and the monotonic clock since the
    /// sync time was last seen to change. The second protects against a wrong wall clock.
    fn becomes_stale(
        &self,
        synchronized_on: Option<i64>,
        changed: Moment,
        now: Moment,
        unix_now: i64,
    ) -> Moment {
        let Some(time) = synchronized_on else { return Moment::DISTANT_PAST };
        let Some(stale_after) = self.stale_after else { return Moment::NEVER };
        if time < 0 {
            return Moment::DISTANT_PAST;
        }
        let age = i128::from(unix_now) - i128::from(time);
        let left = i128::try_from(stale_after.as_millis()).unwrap_or(i128::MAX).saturating_sub(age);
        let by_wall_clock = match u64::try_from(left) {
            Ok(0) => Moment::DISTANT_PAST,
            Ok(left) => now.after(Duration::from_millis(left)),
            Err(_) if left < 0 => Moment::DISTANT_PAST,
            Err(_) => Moment::NEVER,
        };
        by_wall_clock.min(changed.after(stale_after))
    }

    /// Derives the status from the state, and publishes it if it changed.
    fn publish(&self, state: &mut State, now: Moment) -> Published {
        let status = &mut state.status;
        status.available = state.polled && !state.poll_failing && !state.query_failing;
        if status.available {
            status.stale = now >= state.stale_at;
        }
        let trusted_until =
            if status.available { state.stale_at.nanos().max(UNAVAILABLE + 1) } else { UNAVAILABLE };
        let announced_expiry = self.trusted_until.swap(trusted_until, Ordering::AcqRel);
        let still_trusted = now.nanos() < announced_expiry && announced_expiry <= trusted_until;
        if trusted_until != announced_expiry && !still_trusted {
            self.epoch.advance();
        }
        let unchanged = self.published.borrow().as_ref().is_some_and(|before| before.same_state(status));
        if unchanged || !state.polled {
            return Published::Unchanged;
        }
        status.since = self.clock.unix_millis();
        Published::Changed { before: self.published.send_replace(Some(status.clone())) }
    }

    /// Returns how far an answer from the store or the cache can be trusted at that moment.
    pub fn lookup_status(&self, now: Moment) -> LookupStatus {
        self.lookup_status_with_expiry(now).0
    }

    /// Returns how far an answer can be trusted at that moment, and until when that holds unless
    /// the epoch changes.
    pub fn lookup_status_with_expiry(&self, now: Moment) -> (LookupStatus, Moment) {
        match self.trusted_until.load(Ordering::Acquire) {
            UNAVAILABLE => (LookupStatus::StoreError, Moment::NEVER),
            until if now.nanos() >= until => (LookupStatus::Stale, Moment::NEVER),
            until => (LookupStatus::Healthy, Moment::from_nanos(until)),
        }
    }

    /// Returns the status as of now.
    pub fn current(&self) -> StoreStatus {
        self.update(|_, _| {})
    }

    /// Returns whether the first poll is done.
    pub fn is_known(&self) -> bool {
        self.published.borrow().is_some()
    }

    /// Returns the moment when the data become stale.
    pub fn stale_at(&self) -> Moment {
        self.state.lock().stale_at
    }

    /// Subscribes to the latest status; `None` until the first poll is done.
    pub fn subscribe(&self) -> watch::Receiver<Option<StoreStatus>> {
        self.published.subscribe()
    }
}

/// Logs one line for each state change; retries are not logged.
fn log_change(before: Option<&StoreStatus>, now: &StoreStatus) {
    let was_available = before.is_none_or(|before| before.available);
    match (&now.last_error, now.available) {
        (Some(error), false) if was_available => log::error!("store unavailable: {}", error.message),
        (_, true) if !was_available => log::info!("store available again, stale: {}", now.stale),
        _ if now.stale => {
            log::warn!("store is stale: last up to date at {:?} (Unix ms)", now.last_up_to_date);
        }
        _ => log::info!("store status: available {}, stale {}", now.available, now.stale),
    }
    if now.clock_skew {
        log::warn!("the store's sync time lies in the future: check this machine's clock and the writer's");
    }
}
