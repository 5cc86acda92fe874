//! Queries the store for all waiting callers, and records how that ends.

use std::sync::Arc;

use super::lookup::{Lookups, Store, closed, timed_out};
use crate::coalesce::Batch;
use crate::context_key::ContextHash;
use crate::error::{Error, Result};
use crate::runtime::Elapsed;
use crate::status::Outcome;
use crate::store::{BatchResult, guarded};

impl Lookups {
    /// Runs a batch, and then the batches that formed meanwhile.
    pub(super) async fn run_batches(self: Arc<Self>, first: Batch) {
        let Some(store) = &self.store else { return };
        let mut next = Some(first);
        while let Some(batch) = next {
            let answers = self.query(store, batch.hashes()).await;
            if let Err(e) = &answers {
                self.record_failure(store, e, batch.hashes()[0]);
            }
            next = store.coalescer.complete(batch, answers, self.now(), |hash, membership| {
                self.cache.insert(hash, membership.clone(), self.now());
            });
        }
    }

    /// Sends one query and waits for it until the lookup deadline.
    async fn query(&self, store: &Store, hashes: &[ContextHash]) -> Result<BatchResult> {
        self.counters.store_queries.add(1);
        self.counters.store_contexts.add(hashes.len() as u64);
        let limit = self.config.lookup_deadline;
        let query = guarded(store.reader.memberships(hashes));
        let query = self.tasks.runtime().deadline(&self.config.clock, self.now().after(limit), query);
        let answers = match self.tasks.token().run_until_cancelled(query).await {
            None => return Err(closed()),
            Some(Ok(answers)) => answers,
            Some(Err(Elapsed)) => Err(timed_out(limit)),
        };
        if answers.is_ok() {
            if store.breaker.record_success() {
                log::info!("circuit breaker closed: the store answers again");
            }
            self.tracker.record(Outcome::QuerySucceeded);
        }
        answers
    }

    /// Records a failed query; the failure that opens the circuit breaker starts the probe.
    fn record_failure(self: &Arc<Self>, store: &Store, error: &Error, hash: ContextHash) {
        if self.tasks.token().is_cancelled() {
            return;
        }
        self.tracker.record(Outcome::QueryFailed(error));
        if store.breaker.record_failure() {
            self.counters.circuit_openings.add(1);
            log::error!("circuit breaker open: the store failed repeatedly: {error}");
            store.coalescer.fail_queued(error);
            self.tasks.spawn(self.clone().probe(hash));
        }
    }

    /// Repeats the failed query at intervals until one succeeds; user requests are never used as
    /// probes.
    async fn probe(self: Arc<Self>, hash: ContextHash) {
        let Some(store) = &self.store else { return };
        while store.breaker.is_open() {
            let next = self.now().after(self.config.breaker_probe_interval);
            let pause = self.tasks.runtime().sleep_until(&self.config.clock, next);
            if self.tasks.token().run_until_cancelled(pause).await.is_none() {
                return;
            }
            if let Err(e) = self.query(store, &[hash]).await
                && !self.tasks.token().is_cancelled()
            {
                self.tracker.record(Outcome::QueryFailed(&e));
            }
        }
    }
}
