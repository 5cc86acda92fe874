//! A store that answers, fails, hangs or is slow as the test demands, and records the queries.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::clock::{Clock, ManualClock, Moment};
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::runtime::BoxFuture;
use crate::store::{BatchResult, InlineReader, Metadata, StoreReader};

/// The limit of a `wait_for_…` method, never reached by a test that passes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The fault of all calls that arrive from now on.
#[derive(Debug, Clone, Default)]
pub enum Fault {
    /// None: they are answered at once.
    #[default]
    None,
    /// They fail with that kind.
    Fail(ErrorKind),
    /// They wait for [`FaultStore::release`] or [`FaultStore::release_one`], then answer as of
    /// their arrival.
    Hang,
    /// They answer, as of their arrival, once the clock has moved that far.
    Slow(ManualClock, Duration),
    /// Their result lacks the last context; metadata calls are answered as usual.
    AnswerFewer,
    /// They panic.
    Panic,
}

/// The store; all methods take `&self` and may be called from any thread.
#[derive(Default)]
pub struct FaultStore {
    is_inline: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    memberships: HashMap<ContextHash, Membership>,
    context_errors: HashMap<ContextHash, ErrorKind>,
    synchronized_on: Option<i64>,
    fault: Fault,
    metadata_fault: Fault,
    queries: Vec<Vec<ContextHash>>,
    metadata_polls: u64,
    in_flight: usize,
    max_in_flight: usize,
    hanging: VecDeque<oneshot::Sender<()>>,
    closed: bool,
}

impl FaultStore {
    /// Creates an empty store that was never synchronised, answers asynchronously and has no
    /// faults.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Creates a store that answers inline, as memory and embedded stores do.
    pub fn inline() -> Arc<Self> {
        Arc::new(Self { is_inline: true, ..Self::default() })
    }

    /// Sets the membership of a context from now on; queries that arrived before still get the old
    /// one.
    pub fn put(&self, hash: ContextHash, membership: Membership) {
        self.state.lock().memberships.insert(hash, membership);
    }

    /// Makes one context fail within batches that succeed; `None` ends that.
    pub fn set_context_error(&self, hash: ContextHash, kind: Option<ErrorKind>) {
        let errors = &mut self.state.lock().context_errors;
        match kind {
            Some(kind) => errors.insert(hash, kind),
            None => errors.remove(&hash),
        };
    }

    /// Sets the sync time that metadata calls report from now on.
    pub fn set_synchronized_on(&self, unix_millis: Option<i64>) {
        self.state.lock().synchronized_on = unix_millis;
    }

    /// Sets the fault of queries for memberships.
    pub fn set_fault(&self, fault: Fault) {
        self.state.lock().fault = fault;
    }

    /// Sets the fault of metadata calls.
    pub fn set_metadata_fault(&self, fault: Fault) {
        self.state.lock().metadata_fault = fault;
    }

    /// Resumes all calls that hang, and ends the fault.
    pub fn release(&self) {
        let mut state = self.state.lock();
        let State { fault, metadata_fault, .. } = &mut *state;
        for fault in [fault, metadata_fault] {
            if matches!(fault, Fault::Hang) {
                *fault = Fault::None;
            }
        }
        for call in state.hanging.drain(..) {
            // The caller may have given up.
            let _ = call.send(());
        }
    }

    /// Resumes the oldest call that hangs; later ones still hang. Returns whether there was one.
    pub fn release_one(&self) -> bool {
        let mut state = self.state.lock();
        while let Some(call) = state.hanging.pop_front() {
            if call.send(()).is_ok() {
                return true;
            }
        }
        false
    }

    /// Returns the contexts of each query so far, in the order of their arrival.
    pub fn queries(&self) -> Vec<Vec<ContextHash>> {
        self.state.lock().queries.clone()
    }

    /// Returns the number of metadata calls.
    pub fn metadata_polls(&self) -> u64 {
        self.state.lock().metadata_polls
    }

    /// Returns the most queries for memberships that were ever in flight at once.
    pub fn max_in_flight(&self) -> usize {
        self.state.lock().max_in_flight
    }

    /// Returns whether the engine has closed the store.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Blocks until there have been that many queries, and returns them; panics after a minute.
    pub fn wait_for_queries(&self, count: usize) -> Vec<Vec<ContextHash>> {
        self.wait_until("queries", |state| state.queries.len() >= count);
        self.queries()
    }

    /// Blocks until there have been that many metadata calls; panics after a minute.
    pub fn wait_for_metadata_polls(&self, count: u64) {
        self.wait_until("metadata polls", |state| state.metadata_polls >= count);
    }

    /// Blocks until exactly that many queries are in flight; panics after a minute.
    pub fn wait_until_in_flight(&self, count: usize) {
        self.wait_until("queries in flight", |state| state.in_flight == count);
    }

    fn wait_until(&self, what: &str, mut is_so: impl FnMut(&State) -> bool) {
        let mut state = self.state.lock();
        let waited = self.changed.wait_while_for(&mut state, |state| !is_so(state), TIMEOUT);
        assert!(!waited.timed_out(), "waited for {what} in vain; there were {:?}", state.queries);
    }

    async fn answer(&self, hashes: &[ContextHash]) -> Result<BatchResult> {
        let (step, answers) = {
            let mut state = self.state.lock();
            state.queries.push(hashes.to_vec());
            state.in_flight += 1;
            state.max_in_flight = state.max_in_flight.max(state.in_flight);
            let mut answers: Vec<_> = hashes.iter().map(|hash| state.answer(hash)).collect();
            let fault = state.fault.clone();
            if matches!(fault, Fault::AnswerFewer) {
                answers.pop();
            }
            (state.begin(fault), answers)
        };
        self.changed.notify_all();
        let _in_flight = InFlight(self);
        step.run().await?;
        BatchResult::new(hashes, answers)
    }

    async fn answer_metadata(&self) -> Result<Metadata> {
        let (step, synchronized_on) = {
            let mut state = self.state.lock();
            state.metadata_polls += 1;
            let fault = state.metadata_fault.clone();
            (state.begin(fault), state.synchronized_on)
        };
        self.changed.notify_all();
        step.run().await.map(|()| Metadata { synchronized_on })
    }
}

impl State {
    fn answer(&self, hash: &ContextHash) -> Result<Membership> {
        match self.context_errors.get(hash) {
            Some(kind) => Err(Error::new(*kind, "the test spoiled this context")),
            None => Ok(self.memberships.get(hash).cloned().unwrap_or_default()),
        }
    }

    /// Decides the steps of a call before the test can see that it has arrived.
    fn begin(&mut self, fault: Fault) -> Step {
        match fault {
            Fault::None | Fault::AnswerFewer => Step::Answer,
            Fault::Fail(kind) => Step::Fail(kind),
            Fault::Hang => {
                let (release, released) = oneshot::channel();
                self.hanging.push_back(release);
                Step::Hang(released)
            }
            Fault::Slow(clock, by) => {
                let deadline = Clock::Manual(clock.clone()).now().after(by);
                Step::Wait(clock, deadline)
            }
            Fault::Panic => Step::Panic,
        }
    }
}

/// The steps of one call before it is answered.
enum Step {
    Answer,
    Fail(ErrorKind),
    Hang(oneshot::Receiver<()>),
    Wait(ManualClock, Moment),
    Panic,
}

impl Step {
    async fn run(self) -> Result<()> {
        match self {
            Step::Answer => {}
            Step::Fail(kind) => return Err(Error::new(kind, "the test made the store fail")),
            // Fails when the store is dropped, which also ends the call.
            Step::Hang(released) => drop(released.await),
            Step::Wait(clock, deadline) => clock.reached(deadline).await,
            Step::Panic => panic!("the test made the store panic"),
        }
        Ok(())
    }
}

/// Counts a query as in flight until it is dropped, also when its caller gives up.
struct InFlight<'a>(&'a FaultStore);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state.lock().in_flight -= 1;
        self.0.changed.notify_all();
    }
}

impl StoreReader for FaultStore {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        Box::pin(self.answer(hashes))
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(self.answer_metadata())
    }

    fn as_inline(&self) -> Option<&dyn InlineReader> {
        self.is_inline.then_some(self as _)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.state.lock().closed = true;
        Box::pin(std::future::ready(()))
    }
}

impl InlineReader for FaultStore {
    /// Fails as a whole when one context does, because the trait has one result for all.
    fn read(&self, hashes: &[ContextHash], memberships: &mut [Membership]) -> Result<()> {
        let answers = pollster::block_on(self.answer(hashes))?;
        for (membership, answer) in memberships.iter_mut().zip(answers) {
            *membership = answer?;
        }
        Ok(())
    }

    fn read_metadata(&self) -> Result<Metadata> {
        pollster::block_on(self.answer_metadata())
    }
}
