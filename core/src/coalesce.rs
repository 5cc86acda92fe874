//! Single flight and batching: concurrent misses of one context share a query, and misses of
//! several contexts share a batch.
//!
//! It sends no query itself and has neither timeouts nor a cache. It decides which caller waits for
//! which query, and which contexts one query asks for. A batch is sent at once when no query is in
//! flight. Otherwise single misses collect until a query returns or until they fill a batch.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::future::{FutureExt, Shared};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::clock::Moment;
use crate::context_key::{BuildPrefixHasher, ContextHash};
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::store::BatchResult;

/// How batches are formed.
#[derive(Debug, Clone, Copy)]
pub struct Batching {
    /// The most contexts in one query.
    pub size: usize,
    /// The most queries in flight at once.
    pub at_once: usize,
    /// A query that takes longer no longer holds back others, so that a stuck query does not delay
    /// the rest.
    pub stuck_after: Duration,
}

/// The answer of a query in flight; clones wait for the same answer.
#[derive(Clone)]
pub struct PendingAnswer(Shared<oneshot::Receiver<Result<Membership>>>);

impl PendingAnswer {
    /// Waits for the answer. The query goes on when the caller gives up.
    pub async fn wait(self) -> Result<Membership> {
        self.0.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Closed, "the engine was closed meanwhile")))
    }
}

/// One context that is queued or in flight.
struct Request {
    id: u64,
    hash: ContextHash,
    answer: oneshot::Sender<Result<Membership>>,
}

/// Contexts to ask for in one query; [`Coalescer::complete`] must be called with its outcome.
#[must_use]
pub struct Batch {
    requests: Vec<Request>,
    hashes: Vec<ContextHash>,
}

impl Batch {
    /// Returns the contexts to ask for.
    pub fn hashes(&self) -> &[ContextHash] {
        &self.hashes
    }
}

/// What a caller gets for its misses.
#[must_use]
pub struct Joined {
    /// The answer to wait for, for each context in the given order.
    pub answers: Vec<PendingAnswer>,
    /// How many contexts were in flight, or answered, already.
    pub shared: usize,
    /// The queries to run now.
    pub batches: Vec<Batch>,
}

/// When a batch is sent that is not full while other queries are in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flush {
    /// At once.
    Now,
    /// When a query returns, or is stuck.
    WhenIdle,
}

/// The requests in flight, which misses join.
pub struct Coalescer {
    batching: Batching,
    in_flight: Mutex<InFlight>,
}

#[derive(Default)]
struct InFlight {
    /// The requests that another caller may join, by context.
    joinable: HashMap<ContextHash, (u64, PendingAnswer), BuildPrefixHasher>,
    queue: VecDeque<Request>,
    last_id: u64,
    batches: usize,
    last_sent: Option<Moment>,
}

impl Coalescer {
    /// Creates a coalescer with nothing in flight.
    pub fn new(batching: Batching) -> Self {
        Self { batching, in_flight: Mutex::default() }
    }

    /// Joins the request of each context, or creates one. The caller runs the batches it is given.
    ///
    /// `recheck` looks into the cache before a request is created: an answer may have been stored
    /// since the caller looked. Both happen under one lock, as do storing an answer and ending its
    /// request, so no context is fetched twice.
    pub fn join(
        &self,
        hashes: &[ContextHash],
        now: Moment,
        recheck: impl Fn(&ContextHash) -> Option<Membership>,
    ) -> Joined {
        let mut in_flight = self.in_flight.lock();
        let mut joined = Joined { answers: Vec::with_capacity(hashes.len()), shared: 0, batches: Vec::new() };
        for hash in hashes {
            if let Some((_, pending)) = in_flight.joinable.get(hash) {
                joined.answers.push(pending.clone());
                joined.shared += 1;
                continue;
            }
            let (answer, receiver) = oneshot::channel();
            let pending = PendingAnswer(receiver.shared());
            if let Some(membership) = recheck(hash) {
                // Cannot fail: the receiver is alive.
                let _ = answer.send(Ok(membership));
                joined.answers.push(pending);
                joined.shared += 1;
                continue;
            }
            in_flight.last_id += 1;
            let id = in_flight.last_id;
            in_flight.joinable.insert(*hash, (id, pending.clone()));
            in_flight.queue.push_back(Request { id, hash: *hash, answer });
            joined.answers.push(pending);
        }
        // A list gains nothing by waiting for others: it is sent in as many batches as it needs.
        let flush = if hashes.len() > 1 { Flush::Now } else { Flush::WhenIdle };
        while let Some(batch) = in_flight.next_batch(self.batching, flush, now) {
            joined.batches.push(batch);
        }
        joined
    }

    /// Delivers the answers of a batch, in its order, and returns the batch to run next, if there
    /// is one.
    ///
    /// `store` is called for each answer that was not invalidated, before any waiter gets it and
    /// before a new request for the same context can be created.
    pub fn complete(
        &self,
        batch: Batch,
        answers: Result<BatchResult>,
        now: Moment,
        mut store: impl FnMut(ContextHash, &Membership),
    ) -> Option<Batch> {
        let mut answers = match answers {
            Ok(answers) => answers.into_iter(),
            Err(e) => vec![Err(e); batch.requests.len()].into_iter(),
        };
        let mut deliveries = Vec::with_capacity(batch.requests.len());
        let mut in_flight = self.in_flight.lock();
        for request in batch.requests {
            let answer = answers.next().unwrap_or_else(|| {
                Err(Error::new(
                    ErrorKind::StoreData,
                    "the store answered fewer contexts than it was asked for",
                ))
            });
            if in_flight.remove(&request)
                && let Ok(membership) = &answer
            {
                store(request.hash, membership);
            }
            deliveries.push((request.answer, answer));
        }
        in_flight.batches -= 1;
        let next = in_flight.next_batch(self.batching, Flush::WhenIdle, now);
        drop(in_flight);
        for (waiters, answer) in deliveries {
            // Fails when no caller waits any more; the answer is stored all the same.
            let _ = waiters.send(answer);
        }
        next
    }

    /// Ensures that no answer of a query that was created before now is joined or stored: it may be
    /// out of date.
    pub fn invalidate(&self, hash: &ContextHash) {
        self.in_flight.lock().joinable.remove(hash);
    }

    /// Invalidates the requests of all contexts, as [`Coalescer::invalidate`] does for one.
    pub fn invalidate_all(&self) {
        self.in_flight.lock().joinable.clear();
    }

    /// Fails every request that was not sent yet.
    pub fn fail_queued(&self, error: &Error) {
        let mut in_flight = self.in_flight.lock();
        let queue = std::mem::take(&mut in_flight.queue);
        for request in &queue {
            in_flight.remove(request);
        }
        drop(in_flight);
        for request in queue {
            let _ = request.answer.send(Err(error.clone()));
        }
    }
}

impl InFlight {
    /// Takes the next batch from the queue, if one may be sent now.
    fn next_batch(&mut self, batching: Batching, flush: Flush, now: Moment) -> Option<Batch> {
        let Batching { size, at_once, stuck_after } = batching;
        let is_stuck = self.last_sent.is_some_and(|sent| now.since(sent) >= stuck_after);
        let is_due = flush == Flush::Now || self.queue.len() >= size || is_stuck;
        let may_send = self.batches == 0 || (self.batches < at_once && is_due);
        if self.queue.is_empty() || !may_send {
            return None;
        }
        let count = self.queue.len().min(size);
        let requests: Vec<Request> = self.queue.drain(..count).collect();
        let hashes = requests.iter().map(|request| request.hash).collect();
        self.batches += 1;
        self.last_sent = Some(now);
        Some(Batch { requests, hashes })
    }

    /// Ends a request. Returns whether it could still be joined, which means that it was not
    /// invalidated since it was created.
    fn remove(&mut self, request: &Request) -> bool {
        let is_joinable = self.joinable.get(&request.hash).is_some_and(|(id, _)| *id == request.id);
        if is_joinable {
            self.joinable.remove(&request.hash);
        }
        is_joinable
    }
}
