//! Whether the store can be asked, and whether what it says is up to date (docs/spec.md#store-status).
//!
//! [`StatusTracker`] is told what polls and lookups met; it asks nothing itself. Subscribers see the latest value
//! only, never a queue.

mod listeners;
mod poller;

pub use listeners::{ListenerId, Listeners};
pub use poller::Poller;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Moment};
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind};
use crate::membership::LookupStatus;
use crate::runtime::LeakAfterFork;
use crate::store::{Limitation, Metadata};

/// How long a store counts as up to date after it was last synchronised, unless the engine is told otherwise (docs/spec.md#store-status).
pub const DEFAULT_STALE_AFTER: Duration = Duration::from_secs(120);

/// The state of the store as the engine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// Whether the last poll, and the last lookup since, succeeded. `false` until the first poll is done.
    pub available: bool,
    /// Whether nothing has kept the store up to date lately; keeps its last known value while unavailable.
    pub stale: bool,
    /// When the store was last up to date, in Unix milliseconds; `None` = never, as far as is known.
    pub last_up_to_date: Option<i64>,
    /// The last failure, also when it is over.
    pub last_error: Option<LastError>,
    /// Since when `available` and `stale` have been as they are, in Unix milliseconds.
    pub since: i64,
    /// Whether `last_up_to_date` lies in the future: this machine's clock, or the writer's, is wrong.
    pub clock_skew: bool,
    /// Whether the store tells of each change as it happens. Otherwise answers are renewed when they expire. Listeners
    /// are not called when this, or what follows, changes.
    pub push_invalidation: bool,
    /// What the store is doing without, because it was refused.
    pub limitations: Vec<Limitation>,
}

impl StoreStatus {
    /// Returns whether listeners would call the two the same.
    fn same_state(&self, other: &Self) -> bool {
        (self.available, self.stale, self.clock_skew) == (other.available, other.stale, other.clock_skew)
    }
}

/// A failure, as the status remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// What failed.
    pub kind: ErrorKind,
    /// The sentence for a person.
    pub message: String,
    /// When, in Unix milliseconds.
    pub at: i64,
}

/// Value of [`StatusTracker::trusted_until`] while the store is unavailable.
const UNAVAILABLE: u64 = 0;

/// Keeps the status; all methods may be called from any thread.
pub struct StatusTracker {
    clock: Clock,
    stale_after: Option<Duration>,
    facts: Mutex<Facts>,
    /// For lookups, in one word: [`UNAVAILABLE`], or the moment at which the data become stale.
    trusted_until: AtomicU64,
    lookup_failing: AtomicBool,
    published: watch::Sender<Option<StoreStatus>>,
    epoch: Arc<Epoch>,
}

struct Facts {
    poll_failing: bool,
    lookup_failing: bool,
    polled: bool,
    synchronized_on: Option<i64>,
    /// When the sync time was last seen to differ from the one before, on our own clock.
    changed: Moment,
    stale_at: Moment,
    status: StoreStatus,
}

impl StatusTracker {
    /// Starts out knowing nothing. `stale_after = None` trusts a store for ever once it was synchronised. It advances
    /// `epoch` whenever [`StatusTracker::lookup_status`] may say otherwise than it foretold.
    pub fn new(clock: Clock, stale_after: Option<Duration>, epoch: Arc<Epoch>) -> Self {
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
        let facts = Facts {
            poll_failing: false,
            lookup_failing: false,
            polled: false,
            synchronized_on: None,
            changed: Moment::DISTANT_PAST,
            stale_at: Moment::NEVER,
            status,
        };
        Self {
            clock,
            stale_after,
            facts: Mutex::new(facts),
            trusted_until: AtomicU64::new(UNAVAILABLE),
            lookup_failing: AtomicBool::new(false),
            published: watch::Sender::new(None),
            epoch,
        }
    }

    /// Notes what a poll read.
    pub fn poll_succeeded(&self, metadata: Metadata) {
        self.update(|facts, now| {
            let unix_now = self.clock.unix_millis();
            if !facts.polled || metadata.synchronized_on != facts.synchronized_on {
                facts.changed = now;
            }
            facts.synchronized_on = metadata.synchronized_on;
            facts.stale_at = self.becomes_stale(metadata.synchronized_on, facts.changed, now, unix_now);
            facts.status.last_up_to_date = metadata.synchronized_on;
            facts.status.clock_skew = metadata.synchronized_on.is_some_and(|time| time > unix_now);
            (facts.polled, facts.poll_failing) = (true, false);
            self.settle_lookups(facts);
        });
    }

    /// Notes that a poll failed.
    pub fn poll_failed(&self, error: &Error) {
        self.update(|facts, _| {
            (facts.polled, facts.poll_failing) = (true, true);
            self.remember(facts, error);
        });
    }

    /// Notes that a query succeeded. Costs one load unless one failed before.
    pub fn lookup_succeeded(&self) {
        if self.lookup_failing.load(Ordering::Acquire) {
            self.update(|facts, _| self.settle_lookups(facts));
        }
    }

    /// Notes that a query failed: the store is unavailable until a poll or a query succeeds.
    pub fn lookup_failed(&self, error: &Error) {
        self.update(|facts, _| {
            facts.lookup_failing = true;
            self.lookup_failing.store(true, Ordering::Release);
            self.remember(facts, error);
        });
    }

    /// Notes whether the store tells of changes as they happen.
    pub fn push_invalidation(&self, on: bool) {
        let mut before = on;
        self.update(|facts, _| before = std::mem::replace(&mut facts.status.push_invalidation, on));
        match (before, on) {
            (false, true) => log::info!("the store tells of changes as they happen"),
            (true, false) => log::info!("changes in the store may go untold; answers expire instead"),
            _ => {}
        }
    }

    /// Notes what the store is doing without.
    pub fn limited(&self, limitations: Vec<Limitation>) {
        let mut news = Vec::new();
        self.update(|facts, _| {
            let known = std::mem::replace(&mut facts.status.limitations, limitations.clone());
            news = limitations;
            news.retain(|limitation| known.iter().all(|known| known.feature != limitation.feature));
        });
        for Limitation { feature, reason } in news {
            log::warn!("doing without {feature}: {reason}");
        }
    }

    /// Notes that time has passed: data may have become stale between polls.
    pub fn time_passed(&self) {
        self.update(|_, _| {});
    }

    /// Edits the facts, works out the status, and tells subscribers and the log if it changed.
    fn update(&self, edit: impl FnOnce(&mut Facts, Moment)) -> StoreStatus {
        let mut facts = self.facts.lock();
        let now = self.clock.now();
        edit(&mut facts, now);
        let before = self.publish(&mut facts, now);
        let status = facts.status.clone();
        // The log may be foreign code, which may come back to ask for the status.
        drop(facts);
        if let Some(before) = before {
            log_change(before.as_ref(), &status);
        }
        status
    }

    fn settle_lookups(&self, facts: &mut Facts) {
        facts.lookup_failing = false;
        self.lookup_failing.store(false, Ordering::Release);
    }

    fn remember(&self, facts: &mut Facts, error: &Error) {
        facts.status.last_error = Some(LastError {
            kind: error.kind(),
            message: error.message().to_owned(),
            at: self.clock.unix_millis(),
        });
    }

    /// Works out when data last synchronised at that time become stale; may lie in the past.
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
        // By the wall clock, and by our own: whichever comes first. The second guards against a wrong wall clock.
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

    /// Works out the status from the facts; returns what was published before if it changed.
    fn publish(&self, facts: &mut Facts, now: Moment) -> Option<Option<StoreStatus>> {
        let status = &mut facts.status;
        status.available = facts.polled && !facts.poll_failing && !facts.lookup_failing;
        if status.available {
            status.stale = now >= facts.stale_at;
        }
        let trusted_until = match status.available {
            true => facts.stale_at.nanos().max(UNAVAILABLE + 1),
            false => UNAVAILABLE,
        };
        let foretold = self.trusted_until.swap(trusted_until, Ordering::AcqRel);
        let still_trusted = now.nanos() < foretold && foretold <= trusted_until;
        if trusted_until != foretold && !still_trusted {
            self.epoch.advance();
        }
        let unchanged = self.published.borrow().as_ref().is_some_and(|before| before.same_state(status));
        if unchanged || !facts.polled {
            return None;
        }
        status.since = self.clock.unix_millis();
        Some(self.published.send_replace(Some(status.clone())))
    }

    /// Returns how far an answer from the store or the cache can be trusted at that moment.
    pub fn lookup_status(&self, now: Moment) -> LookupStatus {
        self.lookup_status_until(now).0
    }

    /// Does the same, and says until when that holds unless the epoch changes.
    pub fn lookup_status_until(&self, now: Moment) -> (LookupStatus, Moment) {
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

    /// Returns the moment at which the data become stale, for whoever wants to look again then.
    pub fn stale_at(&self) -> Moment {
        self.facts.lock().stale_at
    }

    /// Subscribes to the latest status; `None` until the first poll is done.
    pub fn subscribe(&self) -> watch::Receiver<Option<StoreStatus>> {
        self.published.subscribe()
    }
}

/// The statuses of an engine or an integration: the current one first, then each change; the latest value wins.
pub struct StatusUpdates<T = StoreStatus> {
    statuses: watch::Receiver<Option<T>>,
    token: LeakAfterFork<CancellationToken>,
}

impl<T: Clone> StatusUpdates<T> {
    /// Follows what is published until the token is cancelled.
    pub fn new(mut statuses: watch::Receiver<Option<T>>, token: CancellationToken) -> Self {
        statuses.mark_changed();
        Self { statuses, token: LeakAfterFork::new(token) }
    }

    /// Returns the next status, or `None` once its owner is closed.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            self.token.run_until_cancelled(self.statuses.changed()).await?.ok()?;
            if let Some(status) = self.statuses.borrow_and_update().clone() {
                return Some(status);
            }
        }
    }
}

/// State changes are worth a line each; retries are not.
fn log_change(before: Option<&StoreStatus>, now: &StoreStatus) {
    let was_available = before.is_none_or(|before| before.available);
    match (&now.last_error, now.available) {
        (Some(error), false) if was_available => log::error!("store unavailable: {}", error.message),
        (_, true) if !was_available => log::info!("store available again, stale: {}", now.stale),
        _ if now.stale => {
            log::warn!("store is stale: last up to date at {:?} (Unix ms)", now.last_up_to_date)
        }
        _ => log::info!("store status: available {}, stale {}", now.available, now.stale),
    }
    if now.clock_skew {
        log::warn!("the store's sync time lies in the future: check this machine's clock and the writer's");
    }
}
