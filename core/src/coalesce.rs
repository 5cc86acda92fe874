//! Single flight and batching: concurrent misses of one context cost one query, and misses of many share queries.
//!
//! It queries nothing itself, knows no timeouts and no cache: it decides who waits for whom and what is asked
//! together. A batch leaves at once when no other is under way; while one is, single misses gather until it returns or
//! until they fill a batch of their own.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::future::{FutureExt, Shared};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::clock::Moment;
use crate::context_key::{BuildPrefixHasher, ContextHash};
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;

/// How batches are formed.
#[derive(Debug, Clone, Copy)]
pub struct Batching {
    /// The most contexts in one query.
    pub size: usize,
    /// The most queries under way at once.
    pub at_once: usize,
    /// A query that takes longer no longer holds back others, so that one that is stuck does not stall the rest.
    pub patience: Duration,
}

/// Waits for the answer of a query that others may wait for too.
#[derive(Clone)]
pub struct Flight(Shared<oneshot::Receiver<Result<Membership>>>);

impl Flight {
    /// Returns the answer; the flight goes on when the caller gives up.
    pub async fn landed(self) -> Result<Membership> {
        self.0.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Closed, "the engine was closed meanwhile")))
    }
}

/// One context that waits to be asked for.
struct Request {
    hash: ContextHash,
    flight: u64,
    answer: oneshot::Sender<Result<Membership>>,
}

/// Contexts to be asked for in one query; whoever holds it must [`Coalescer::complete`] it.
#[must_use]
pub struct Batch {
    requests: Vec<Request>,
    hashes: Vec<ContextHash>,
}

impl Batch {
    /// Returns what to ask for.
    pub fn hashes(&self) -> &[ContextHash] {
        &self.hashes
    }
}

/// What a caller gets for its misses.
#[must_use]
pub struct Boarding {
    /// Where to wait for each context, in the order they were named.
    pub flights: Vec<Flight>,
    /// How many of them were under way, or answered, already.
    pub joined: usize,
    /// The queries to run now.
    pub batches: Vec<Batch>,
}

/// The board on which misses are announced.
pub struct Coalescer {
    batching: Batching,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    /// The flights that a new caller may join, by context.
    open: HashMap<ContextHash, (u64, Flight), BuildPrefixHasher>,
    queue: VecDeque<Request>,
    flights: u64,
    under_way: usize,
    last_launch: Option<Moment>,
}

impl Coalescer {
    /// Creates an empty board.
    pub fn new(batching: Batching) -> Self {
        Self { batching, board: Mutex::default() }
    }

    /// Joins the flight of each context, or starts one. The caller runs the batches it is given.
    ///
    /// `kept` is asked before a flight is started: the answer may have come, and been kept, since the caller looked.
    pub fn join(
        &self,
        hashes: &[ContextHash],
        now: Moment,
        kept: impl Fn(&ContextHash) -> Option<Membership>,
    ) -> Boarding {
        let mut board = self.board.lock();
        let mut boarding =
            Boarding { flights: Vec::with_capacity(hashes.len()), joined: 0, batches: Vec::new() };
        for hash in hashes {
            if let Some((_, flight)) = board.open.get(hash) {
                boarding.flights.push(flight.clone());
                boarding.joined += 1;
                continue;
            }
            let (answer, receiver) = oneshot::channel();
            let flight = Flight(receiver.shared());
            if let Some(membership) = kept(hash) {
                // Its receiver is right here.
                let _ = answer.send(Ok(membership));
                boarding.flights.push(flight);
                boarding.joined += 1;
                continue;
            }
            board.flights += 1;
            let id = board.flights;
            board.open.insert(*hash, (id, flight.clone()));
            board.queue.push_back(Request { hash: *hash, flight: id, answer });
            boarding.flights.push(flight);
        }
        // A list gains nothing by waiting for others: it leaves in as many batches as it needs.
        let is_list = hashes.len() > 1;
        while let Some(batch) = self.launch(&mut board, is_list, now) {
            boarding.batches.push(batch);
        }
        boarding
    }

    /// Takes the next batch from the queue, if one may leave now. `eager` does not wait for it to be full.
    fn launch(&self, board: &mut Board, eager: bool, now: Moment) -> Option<Batch> {
        let Batching { size, at_once, patience } = self.batching;
        let is_stuck = || board.last_launch.is_some_and(|launch| now.since(launch) >= patience);
        let has_reason = || eager || board.queue.len() >= size || is_stuck();
        let may_launch = board.under_way == 0 || (board.under_way < at_once && has_reason());
        if board.queue.is_empty() || !may_launch {
            return None;
        }
        let count = board.queue.len().min(size);
        let requests: Vec<Request> = board.queue.drain(..count).collect();
        let hashes = requests.iter().map(|request| request.hash).collect();
        board.under_way += 1;
        board.last_launch = Some(now);
        Some(Batch { requests, hashes })
    }

    /// Delivers the answers of a batch, in its order, and returns the batch to run next, if there is one.
    ///
    /// `keep` is called for each answer that nothing has overtaken, before any waiter sees it and before anyone can
    /// start a new flight of the same context.
    pub fn complete(
        &self,
        batch: Batch,
        answers: Result<Vec<Result<Membership>>>,
        now: Moment,
        mut keep: impl FnMut(ContextHash, &Membership),
    ) -> Option<Batch> {
        let mut answers = match answers {
            Ok(answers) => answers.into_iter(),
            Err(e) => vec![Err(e); batch.requests.len()].into_iter(),
        };
        let mut deliveries = Vec::with_capacity(batch.requests.len());
        let mut board = self.board.lock();
        for request in batch.requests {
            let answer = answers.next().unwrap_or_else(|| {
                Err(Error::new(
                    ErrorKind::StoreData,
                    "the store answered fewer contexts than it was asked for",
                ))
            });
            // Still on the board means: not invalidated since the query began.
            if board.open.get(&request.hash).is_some_and(|(flight, _)| *flight == request.flight) {
                board.open.remove(&request.hash);
                if let Ok(membership) = &answer {
                    keep(request.hash, membership);
                }
            }
            deliveries.push((request.answer, answer));
        }
        board.under_way -= 1;
        let next = self.launch(&mut board, false, now);
        drop(board);
        for (waiters, answer) in deliveries {
            // Nobody may be waiting any more; the answer is kept all the same.
            let _ = waiters.send(answer);
        }
        next
    }

    /// Makes sure that no flight begun before now is joined or kept: its answer may be out of date.
    pub fn overtake(&self, hash: &ContextHash) {
        self.board.lock().open.remove(hash);
    }

    /// Does the same for every flight.
    pub fn overtake_all(&self) {
        self.board.lock().open.clear();
    }

    /// Fails everything that waits to be asked for.
    pub fn fail_queued(&self, error: &Error) {
        let mut board = self.board.lock();
        let queue = std::mem::take(&mut board.queue);
        for request in &queue {
            if board.open.get(&request.hash).is_some_and(|(flight, _)| *flight == request.flight) {
                board.open.remove(&request.hash);
            }
        }
        drop(board);
        for request in queue {
            let _ = request.answer.send(Err(error.clone()));
        }
    }
}
