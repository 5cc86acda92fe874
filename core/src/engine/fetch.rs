//! Asks the store on behalf of everyone who waits, and watches how that goes.

use std::sync::Arc;

use super::lookup::timed_out;
use super::{Shared, Store, closed};
use crate::coalesce::Batch;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::runtime::Elapsed;
use crate::store::guarded;

impl Shared {
    /// Runs a batch, and then the batches that gathered meanwhile.
    pub(super) async fn run_batches(self: Arc<Self>, first: Batch) {
        let Some(store) = &self.store else { return };
        let mut next = Some(first);
        while let Some(batch) = next {
            let answers = self.query(store, batch.hashes()).await;
            if let Err(e) = &answers {
                self.query_failed(store, e, batch.hashes()[0]);
            }
            let clock = &self.config.clock;
            next = store.coalescer.complete(batch, answers, clock.now(), |hash, membership| {
                self.cache.insert(hash, membership.clone(), clock.now());
            });
        }
    }

    /// Asks the store, within the deadline.
    async fn query(&self, store: &Store, hashes: &[ContextHash]) -> Result<Vec<Result<Membership>>> {
        self.counters.store_queries.add(1);
        self.counters.store_contexts.add(hashes.len() as u64);
        let clock = &self.config.clock;
        let deadline = clock.now().after(self.config.lookup_deadline);
        let query = guarded(store.reader.memberships(hashes));
        let query = self.tasks.runtime().deadline(clock, deadline, query);
        let answers = match self.tasks.token().run_until_cancelled(query).await {
            None => return Err(closed()),
            Some(Ok(answers)) => answers,
            Some(Err(Elapsed)) => Err(timed_out(self.config.lookup_deadline)),
        };
        if answers.is_ok() {
            if store.breaker.succeeded() {
                log::info!("the store answers again; lookups go to it as usual");
            }
            self.tracker.lookup_succeeded();
        }
        answers
    }

    /// Counts a failure, and lets it show in the status.
    fn note_failure(&self, error: &Error) {
        self.counters.store_errors.add(1);
        if error.kind() == ErrorKind::StoreThrottled {
            self.counters.store_throttles.add(1);
        }
        self.tracker.lookup_failed(error);
    }

    fn query_failed(self: &Arc<Self>, store: &Store, error: &Error, hash: ContextHash) {
        if self.tasks.token().is_cancelled() {
            return;
        }
        self.note_failure(error);
        if store.breaker.failed() {
            self.counters.circuit_openings.add(1);
            log::error!("the store failed repeatedly, lookups no longer wait for it: {error}");
            store.coalescer.fail_queued(error);
            self.tasks.spawn(self.clone().probe(hash));
        }
    }

    /// Repeats the query that failed, at intervals, until one succeeds; no caller ever waits for it.
    async fn probe(self: Arc<Self>, hash: ContextHash) {
        let Some(store) = &self.store else { return };
        let clock = &self.config.clock;
        while store.breaker.is_open() {
            let next = clock.now().after(self.config.breaker_probe_interval);
            let pause = self.tasks.runtime().sleep_until(clock, next);
            if self.tasks.token().run_until_cancelled(pause).await.is_none() {
                return;
            }
            if let Err(e) = self.query(store, &[hash]).await
                && !self.tasks.token().is_cancelled()
            {
                self.note_failure(&e);
            }
        }
    }
}
