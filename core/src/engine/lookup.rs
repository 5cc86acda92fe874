//! From a context hash to an answer: from the cache, or else from the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;

use super::answer::{Answer, Origin};
use super::config::EngineConfig;
use super::freshness::Freshness;
use crate::breaker::Breaker;
use crate::cache::{Cache, CachedMembership};
use crate::clock::Moment;
use crate::coalesce::Coalescer;
use crate::context_key::ContextHash;
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::{LookupStatus, Membership};
use crate::metrics::Counters;
use crate::runtime::{Elapsed, ForkGeneration};
use crate::status::{Outcome, Poller, StatusTracker};
use crate::store::{InlineReader, StoreReader};
use crate::tasks::TaskGroup;

/// Looks up memberships; shared by the engine and its tasks.
pub(super) struct Lookups {
    pub(super) config: EngineConfig,
    pub(super) generation: ForkGeneration,
    pub(super) closed: AtomicBool,
    pub(super) store: Option<Store>,
    pub(super) epoch: Arc<Epoch>,
    pub(super) cache: Cache,
    pub(super) freshness: Freshness,
    pub(super) tracker: Arc<StatusTracker>,
    pub(super) counters: Arc<Counters>,
    pub(super) tasks: Arc<TaskGroup>,
}

/// The parts that exist only where there is a store.
pub(super) struct Store {
    pub(super) reader: Arc<dyn StoreReader>,
    pub(super) poller: Arc<Poller>,
    pub(super) coalescer: Coalescer,
    pub(super) breaker: Breaker,
}

/// How far a lookup goes without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To the cache.
    Cache,
    /// To the cache, and to a memory or embedded store.
    Embedded,
}

/// The outcome of a cache lookup.
pub(super) enum Cached {
    /// The answer may be served. It holds until that moment, unless the epoch changes.
    Fresh(Answer, Moment),
    /// The store must be queried; this is the last known answer if it fails.
    Expired(CachedMembership),
    /// The store must be queried.
    Missing,
}

/// An answer given without waiting, or what is left to do.
pub enum Progress<T, P> {
    /// The answer. It holds until that moment, unless the epoch changes.
    Done(T, Moment),
    /// The answer takes a query to a store that is not embedded.
    Pending(P),
}

/// A context that must be fetched.
pub struct Miss {
    hash: ContextHash,
    last_known: Option<CachedMembership>,
    began: Moment,
}

/// Contexts of which some must be fetched.
pub struct Misses {
    cached: Vec<Cached>,
    missing: Vec<ContextHash>,
    began: Moment,
}

/// How long a caller waits.
#[derive(Clone, Copy)]
struct Deadline {
    began: Moment,
    limit: Duration,
}

impl Lookups {
    #[inline]
    pub(super) fn check_usable(&self) -> Result<()> {
        self.generation.check()?;
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        Ok(())
    }

    #[inline]
    pub(super) fn now(&self) -> Moment {
        self.config.clock.now()
    }

    /// Looks into the cache.
    #[inline(always)]
    pub(super) fn cached(&self, hash: &ContextHash, now: Moment) -> Cached {
        if self.store.is_none() {
            return Cached::Fresh(Answer::not_configured(), Moment::NEVER);
        }
        let Some(cached) = self.cache.get(hash, now) else { return Cached::Missing };
        let fresh_until = self.freshness.fresh_until(&cached);
        if now >= fresh_until {
            return Cached::Expired(cached);
        }
        self.counters.cache_hits.add(1);
        let (status, status_until) = self.tracker.lookup_status_with_expiry(now);
        let origin = Origin::Cache { age: now.since(cached.fetched) };
        let answer = Answer { membership: cached.membership, status, origin, error: None };
        Cached::Fresh(answer, fresh_until.min(status_until))
    }

    /// Looks up a context as far as that goes without waiting.
    pub(super) fn try_lookup(&self, hash: ContextHash, now: Moment, reach: Reach) -> Progress<Answer, Miss> {
        let last_known = match self.cached(&hash, now) {
            Cached::Fresh(answer, until) => return Progress::Done(answer, until),
            Cached::Expired(cached) => Some(cached),
            Cached::Missing => None,
        };
        match self.embedded_reader(reach) {
            Some(reader) => Progress::Done(self.read_one(reader, hash, last_known), now),
            None => Progress::Pending(Miss { hash, last_known, began: now }),
        }
    }

    /// Looks up a context, waiting for the store for at most `limit`.
    #[cfg(feature = "segment")]
    pub(super) async fn lookup(self: &Arc<Self>, hash: ContextHash, limit: Duration) -> Answer {
        match self.try_lookup(hash, self.now(), Reach::Embedded) {
            Progress::Done(answer, _) => answer,
            Progress::Pending(miss) => self.fetch(miss, limit).await,
        }
    }

    /// Queries the store for a context, waiting for at most `limit` since the lookup began.
    pub(super) async fn fetch(self: &Arc<Self>, miss: Miss, limit: Duration) -> Answer {
        let Some(store) = &self.store else { return Answer::not_configured() };
        self.counters.cache_misses.add(1);
        let deadline = Deadline { began: miss.began, limit };
        let mut results = self.query_together(store, &[miss.hash], deadline).await;
        let result = results.pop().expect("one result for one context");
        self.to_answer(result, miss.last_known, self.current_status(deadline).await)
    }

    /// Looks up many contexts as far as that goes without waiting; the answers are in the order of
    /// `hashes`.
    pub(super) fn try_lookup_many(
        &self,
        hashes: &[ContextHash],
        now: Moment,
        reach: Reach,
    ) -> Progress<Vec<Answer>, Misses> {
        let cached: Vec<Cached> = hashes.iter().map(|hash| self.cached(hash, now)).collect();
        let mut missing = Vec::new();
        let mut until = Moment::NEVER;
        for (hash, cached) in hashes.iter().zip(&cached) {
            match cached {
                Cached::Fresh(_, answer_until) => until = until.min(*answer_until),
                Cached::Expired(_) | Cached::Missing => missing.push(*hash),
            }
        }
        if missing.is_empty() {
            return Progress::Done(self.merge(cached, Vec::new(), LookupStatus::Healthy), until);
        }
        let Some(reader) = self.embedded_reader(reach) else {
            return Progress::Pending(Misses { cached, missing, began: now });
        };
        self.counters.cache_misses.add(missing.len() as u64);
        let results = self.read_many(reader, &missing);
        Progress::Done(self.merge(cached, results, self.tracker.lookup_status(self.now())), now)
    }

    /// Queries the store for what is missing, waiting for at most `limit` since the lookup began.
    pub(super) async fn fetch_many(self: &Arc<Self>, misses: Misses, limit: Duration) -> Vec<Answer> {
        let Misses { cached, missing, began } = misses;
        let Some(store) = &self.store else { return Vec::new() };
        self.counters.cache_misses.add(missing.len() as u64);
        let deadline = Deadline { began, limit };
        let results = self.query_together(store, &missing, deadline).await;
        self.merge(cached, results, self.current_status(deadline).await)
    }

    /// Fills the gaps of `cached` with the results for them, in order.
    fn merge(
        &self,
        cached: Vec<Cached>,
        results: Vec<Result<Membership>>,
        status: LookupStatus,
    ) -> Vec<Answer> {
        let mut results = results.into_iter();
        let mut next = || results.next().expect("one result for each missing context");
        let answer = |cached| match cached {
            Cached::Fresh(answer, _) => answer,
            Cached::Expired(last_known) => self.to_answer(next(), Some(last_known), status),
            Cached::Missing => self.to_answer(next(), None, status),
        };
        cached.into_iter().map(answer).collect()
    }

    /// Queries the store together with all other callers, unless the circuit breaker is open.
    async fn query_together(
        self: &Arc<Self>,
        store: &Store,
        hashes: &[ContextHash],
        deadline: Deadline,
    ) -> Vec<Result<Membership>> {
        let now = deadline.began;
        if store.breaker.is_open() {
            let error = Error::new(
                ErrorKind::CircuitOpen,
                "the store failed repeatedly and is not queried until a probe succeeds; see the store status",
            );
            return vec![Err(error); hashes.len()];
        }
        let recheck = |hash: &ContextHash| {
            let cached = self.cache.get(hash, now)?;
            (now < self.freshness.fresh_until(&cached)).then_some(cached.membership)
        };
        let joined = store.coalescer.join(hashes, now, recheck);
        self.counters.coalesced_lookups.add(joined.shared as u64);
        for batch in joined.batches {
            self.tasks.spawn(self.clone().run_batches(batch));
        }
        join_all(joined.answers.into_iter().map(|pending| self.within(deadline, pending.wait()))).await
    }

    /// Waits for a query until the caller's deadline.
    async fn within<T>(&self, deadline: Deadline, query: impl Future<Output = Result<T>>) -> Result<T> {
        let at = deadline.began.after(deadline.limit);
        match self.tasks.runtime().deadline(&self.config.clock, at, query).await {
            Ok(result) => result,
            Err(Elapsed) => Err(timed_out(deadline.limit)),
        }
    }

    /// Returns how far the store can be trusted now. Waits for the first poll; if that takes too
    /// long, the status is `STORE_ERROR`.
    async fn current_status(&self, deadline: Deadline) -> LookupStatus {
        if !self.tracker.is_known() {
            let mut statuses = self.tracker.subscribe();
            let first = async { Ok(statuses.wait_for(Option::is_some).await.is_ok()) };
            let _ = self.within(deadline, first).await;
        }
        self.tracker.lookup_status(self.now())
    }

    /// Turns the result of a query into an answer.
    fn to_answer(
        &self,
        result: Result<Membership>,
        last_known: Option<CachedMembership>,
        status: LookupStatus,
    ) -> Answer {
        match result {
            Ok(membership) => Answer { membership, status, origin: Origin::Store, error: None },
            Err(e) => self.fallback_answer(e, last_known),
        }
    }

    /// Answers with the last known membership, if it is not too old, or with an empty one.
    fn fallback_answer(&self, error: Error, last_known: Option<CachedMembership>) -> Answer {
        let now = self.now();
        let longest = self.config.last_known_time;
        let last_known = last_known
            .map(|cached| (now.since(cached.fetched), cached.membership))
            .filter(|(age, _)| *age <= longest && !longest.is_zero());
        let (membership, origin) = match last_known {
            Some((age, membership)) => {
                self.counters.last_known_answers.add(1);
                (membership, Origin::LastKnown { age })
            }
            None => {
                self.counters.failed_lookups.add(1);
                (Membership::empty(), Origin::Nothing)
            }
        };
        Answer { membership, status: LookupStatus::StoreError, origin, error: Some(error) }
    }

    /// Returns whether the store is in memory or embedded.
    pub(super) fn is_embedded(&self) -> bool {
        self.embedded_reader(Reach::Embedded).is_some()
    }

    fn embedded_reader(&self, reach: Reach) -> Option<&dyn InlineReader> {
        if reach == Reach::Cache {
            return None;
        }
        self.store.as_ref()?.reader.as_inline()
    }

    /// Reads one context from an embedded store, without allocating.
    fn read_one(
        &self,
        reader: &dyn InlineReader,
        hash: ContextHash,
        last_known: Option<CachedMembership>,
    ) -> Answer {
        self.counters.cache_misses.add(1);
        let mut membership = [Membership::empty()];
        let result = self.read_embedded(reader, &[hash], &mut membership);
        let status = self.tracker.lookup_status(self.now());
        let [membership] = membership;
        self.to_answer(result.map(|()| membership), last_known, status)
    }

    /// Reads many contexts from an embedded store.
    fn read_many(&self, reader: &dyn InlineReader, hashes: &[ContextHash]) -> Vec<Result<Membership>> {
        let mut memberships = vec![Membership::empty(); hashes.len()];
        match self.read_embedded(reader, hashes, &mut memberships) {
            Ok(()) => memberships.into_iter().map(Ok).collect(),
            Err(e) => vec![Err(e); hashes.len()],
        }
    }

    fn read_embedded(
        &self,
        reader: &dyn InlineReader,
        hashes: &[ContextHash],
        memberships: &mut [Membership],
    ) -> Result<()> {
        let invalidations = self.cache.invalidations();
        let result = reader.read(hashes, memberships);
        self.counters.store_queries.add(1);
        self.counters.store_contexts.add(hashes.len() as u64);
        match &result {
            Ok(()) => {
                self.tracker.record(Outcome::QuerySucceeded);
                let now = self.now();
                let results = hashes.iter().zip(memberships.iter());
                self.cache.insert_unless_invalidated(invalidations, now, results);
            }
            Err(e) => self.tracker.record(Outcome::QueryFailed(e)),
        }
        result
    }
}

pub(super) fn timed_out(limit: Duration) -> Error {
    Error::new(ErrorKind::StoreTimeout, format!("the store did not answer within {limit:?}"))
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the engine is closed")
}
