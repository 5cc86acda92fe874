//! From a hash to an answer.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::answer::{Answer, Origin};
use super::{Shared, Store};
use crate::cache::Cached;
use crate::clock::Moment;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::{LookupStatus, Membership};
use crate::runtime::Elapsed;
use crate::store::InPlaceReader;

/// How long a caller waits, and since when.
#[derive(Clone, Copy)]
struct Patience {
    began: Moment,
    deadline: Duration,
}

impl Shared {
    /// Answers without asking the store, or returns what is cached.
    pub(super) fn recall(&self, hash: &ContextHash, now: Moment) -> Result<Answer, Option<Cached>> {
        self.recall_until(hash, now).map(|(answer, _)| answer)
    }

    /// Does the same, and says until when the answer holds unless the epoch changes.
    pub(super) fn recall_until(
        &self,
        hash: &ContextHash,
        now: Moment,
    ) -> Result<(Answer, Moment), Option<Cached>> {
        if self.store.is_none() {
            let answer = Answer {
                membership: Membership::empty(),
                status: LookupStatus::NotConfigured,
                origin: Origin::Nothing,
                error: None,
            };
            return Ok((answer, Moment::NEVER));
        }
        let Some(cached) = self.cache.get(hash, now) else { return Err(None) };
        let fresh_until = self.freshness.fresh_until(&cached);
        if now >= fresh_until {
            return Err(Some(cached));
        }
        self.counters.cache_hits.add(1);
        let (status, status_until) = self.tracker.lookup_status_until(now);
        let origin = Origin::Cache { age: now.since(cached.fetched) };
        let answer = Answer { membership: cached.membership, status, origin, error: None };
        Ok((answer, fresh_until.min(status_until)))
    }

    pub(super) async fn lookup(self: Arc<Self>, hash: ContextHash) -> Answer {
        let now = self.config.clock.now();
        let cached = match self.recall(&hash, now) {
            Ok(answer) => return answer,
            Err(cached) => cached,
        };
        let store = self.store.as_ref().expect("without a store everything is answered");
        self.counters.cache_misses.add(1);
        if let Some(reader) = store.reader.in_place() {
            return self.answer_in_place(reader, hash, cached);
        }
        let patience = Patience { began: now, deadline: self.config.lookup_deadline };
        let [result] =
            self.ask(store, &[hash], patience).await.try_into().expect("one result for one context");
        self.conclude(result, cached, self.trust(patience).await)
    }

    pub(super) async fn lookup_many(
        self: Arc<Self>,
        hashes: &[ContextHash],
        deadline: Duration,
    ) -> Vec<Answer> {
        let now = self.config.clock.now();
        let patience = Patience { began: now, deadline };
        let recalled: Vec<_> = hashes.iter().map(|hash| self.recall(hash, now)).collect();
        let misses: Vec<ContextHash> = hashes
            .iter()
            .zip(&recalled)
            .filter(|(_, answer)| answer.is_err())
            .map(|(hash, _)| *hash)
            .collect();
        let Some(store) = self.store.as_ref().filter(|_| !misses.is_empty()) else {
            return recalled.into_iter().flatten().collect();
        };
        self.counters.cache_misses.add(misses.len() as u64);
        let results = match store.reader.in_place() {
            Some(reader) => self.ask_in_place(reader, &misses),
            None => self.ask(store, &misses, patience).await,
        };
        let status = self.trust(patience).await;
        let mut results = results.into_iter();
        let conclude = |recalled: Result<Answer, _>| {
            recalled.unwrap_or_else(|cached| {
                let result = results.next().expect("one result for each miss");
                self.conclude(result, cached, status)
            })
        };
        recalled.into_iter().map(conclude).collect()
    }

    /// Looks up on the caller's thread if that is possible without waiting.
    pub(super) fn lookup_now(&self, hash: ContextHash) -> Option<Answer> {
        let now = self.config.clock.now();
        match self.recall(&hash, now) {
            Ok(answer) => Some(answer),
            Err(cached) => {
                let reader = self.store.as_ref()?.reader.in_place()?;
                self.counters.cache_misses.add(1);
                Some(self.answer_in_place(reader, hash, cached))
            }
        }
    }

    /// Asks the store for contexts, together with everyone else who does, unless the breaker is open.
    async fn ask(
        self: &Arc<Self>,
        store: &Store,
        hashes: &[ContextHash],
        patience: Patience,
    ) -> Vec<Result<Membership>> {
        let now = patience.began;
        if store.breaker.is_open() {
            let error = Error::new(
                ErrorKind::CircuitOpen,
                "the store failed repeatedly and is not asked until a probe succeeds; its status tells why it failed",
            );
            return vec![Err(error); hashes.len()];
        }
        let kept = |hash: &ContextHash| {
            let cached = self.cache.get(hash, now)?;
            self.freshness.is_fresh(&cached, now).then_some(cached.membership)
        };
        let boarding = store.coalescer.join(hashes, now, kept);
        self.counters.coalesced_lookups.add(boarding.joined as u64);
        for batch in boarding.batches {
            self.tasks.spawn(self.clone().run_batches(batch));
        }
        join_all(boarding.flights.into_iter().map(|flight| self.wait(patience, flight.landed()))).await
    }

    /// Waits for a query, but no longer than its caller does.
    async fn wait<T>(&self, patience: Patience, query: impl Future<Output = Result<T>>) -> Result<T> {
        let Patience { began, deadline } = patience;
        let runtime = self.tasks.runtime();
        match runtime.deadline(&self.config.clock, began.after(deadline), query).await {
            Ok(result) => result,
            Err(Elapsed) => Err(timed_out(deadline)),
        }
    }

    /// Returns how far the store can be trusted now, once that is known: a caller waits for the first poll. If that takes
    /// too long, the status says that the store is not available, which is true.
    async fn trust(&self, patience: Patience) -> LookupStatus {
        if !self.tracker.is_known() {
            let mut statuses = self.tracker.subscribe();
            let first = async { Ok(statuses.wait_for(Option::is_some).await.is_ok()) };
            let _ = self.wait(patience, first).await;
        }
        self.tracker.lookup_status(self.config.clock.now())
    }

    /// Turns what the store said into an answer.
    fn conclude(&self, result: Result<Membership>, cached: Option<Cached>, status: LookupStatus) -> Answer {
        match result {
            Ok(membership) => Answer { membership, status, origin: Origin::Store, error: None },
            Err(e) => self.failed(e, cached),
        }
    }

    /// Answers with the last known membership, if it is not too old, or with nothing.
    fn failed(&self, error: Error, cached: Option<Cached>) -> Answer {
        let now = self.config.clock.now();
        let last_known = cached
            .map(|cached| (now.since(cached.fetched), cached.membership))
            .filter(|(age, _)| *age <= self.config.last_known_time && !self.config.last_known_time.is_zero());
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

    /// Asks a store that answers on this thread for one context, without allocating.
    fn answer_in_place(
        &self,
        reader: &dyn InPlaceReader,
        hash: ContextHash,
        cached: Option<Cached>,
    ) -> Answer {
        let mut membership = [Membership::empty()];
        let result = self.read_in_place(reader, &[hash], &mut membership);
        let status = self.tracker.lookup_status(self.config.clock.now());
        let [membership] = membership;
        self.conclude(result.map(|()| membership), cached, status)
    }

    /// Asks such a store for many.
    fn ask_in_place(&self, reader: &dyn InPlaceReader, hashes: &[ContextHash]) -> Vec<Result<Membership>> {
        let mut memberships = vec![Membership::empty(); hashes.len()];
        match self.read_in_place(reader, hashes, &mut memberships) {
            Ok(()) => memberships.into_iter().map(Ok).collect(),
            Err(e) => vec![Err(e); hashes.len()],
        }
    }

    fn read_in_place(
        &self,
        reader: &dyn InPlaceReader,
        hashes: &[ContextHash],
        memberships: &mut [Membership],
    ) -> Result<()> {
        let removals = self.cache.removals();
        let result = reader.read(hashes, memberships);
        self.counters.store_queries.add(1);
        self.counters.store_contexts.add(hashes.len() as u64);
        match &result {
            Ok(()) => {
                self.tracker.lookup_succeeded();
                let now = self.config.clock.now();
                self.cache.insert_unless_removed(removals, now, hashes.iter().zip(memberships.iter()));
            }
            Err(e) => {
                self.counters.store_errors.add(1);
                self.tracker.lookup_failed(e);
            }
        }
        result
    }
}

pub(super) fn timed_out(deadline: Duration) -> Error {
    Error::new(ErrorKind::StoreTimeout, format!("the store did not answer within {deadline:?}"))
}
