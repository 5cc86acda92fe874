//! A store that does as it is told: answers, fails, hangs or dawdles, and writes down what it was asked.

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

/// How long a `wait_for_…` method waits before it calls the test hung; never reached by a test that passes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What befalls the calls that come in from now on.
#[derive(Debug, Clone, Default)]
pub enum Fault {
    /// Nothing: they are answered at once.
    #[default]
    None,
    /// They fail with that kind.
    Fail(ErrorKind),
    /// They wait for [`FaultStore::release`] or [`FaultStore::release_one`], then answer as of their arrival.
    Hang,
    /// They answer, as of their arrival, once the clock was moved that far.
    Slow(ManualClock, Duration),
    /// Their answer lacks its last context; metadata calls are answered as usual.
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
    under_way: usize,
    most_under_way: usize,
    hanging: VecDeque<oneshot::Sender<()>>,
    closed: bool,
}

impl FaultStore {
    /// Creates an empty store that was never synchronised, answers asynchronously and has no faults.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Creates one that answers on the caller's thread, as memory and embedded stores do.
    pub fn inline() -> Arc<Self> {
        Arc::new(Self { is_inline: true, ..Self::default() })
    }

    /// Sets what is said about a context from now on; queries that arrived before still get the old answer.
    pub fn put(&self, hash: ContextHash, membership: Membership) {
        self.state.lock().memberships.insert(hash, membership);
    }

    /// Makes one context fail within batches that succeed; `None` heals it.
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

    /// Sets what befalls queries for memberships.
    pub fn set_fault(&self, fault: Fault) {
        self.state.lock().fault = fault;
    }

    /// Sets what befalls metadata calls.
    pub fn set_metadata_fault(&self, fault: Fault) {
        self.state.lock().metadata_fault = fault;
    }

    /// Lets everything that hangs go on, and nothing hangs any more.
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

    /// Lets the oldest call that still hangs go on; later ones hang as before. Returns whether there was one.
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

    /// Returns how often metadata were asked for.
    pub fn metadata_polls(&self) -> u64 {
        self.state.lock().metadata_polls
    }

    /// Returns the most queries for memberships that were ever under way at once.
    pub fn most_under_way(&self) -> usize {
        self.state.lock().most_under_way
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

    /// Blocks until metadata were asked for that often; panics after a minute.
    pub fn wait_for_metadata_polls(&self, count: u64) {
        self.wait_until("metadata polls", |state| state.metadata_polls >= count);
    }

    /// Blocks until exactly that many queries are under way; panics after a minute.
    pub fn wait_until_under_way(&self, count: usize) {
        self.wait_until("queries under way", |state| state.under_way == count);
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
            state.under_way += 1;
            state.most_under_way = state.most_under_way.max(state.under_way);
            let mut answers: Vec<_> = hashes.iter().map(|hash| state.answer(hash)).collect();
            let fault = state.fault.clone();
            if matches!(fault, Fault::AnswerFewer) {
                answers.pop();
            }
            (state.begin(fault), answers)
        };
        self.changed.notify_all();
        let _under_way = UnderWay(self);
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

    /// Fixes what a call will go through, before anybody can know that it has arrived.
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

/// What one call goes through before it is answered.
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
            Step::Fail(kind) => return Err(Error::new(kind, "the test told the store to fail")),
            // Fails when the store is dropped, which ends the hanging too.
            Step::Hang(released) => drop(released.await),
            Step::Wait(clock, deadline) => clock.reached(deadline).await,
            Step::Panic => panic!("the test told the store to panic"),
        }
        Ok(())
    }
}

/// Counts a query as under way for as long as it lives, also when its caller gives up.
struct UnderWay<'a>(&'a FaultStore);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state.lock().under_way -= 1;
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
    /// Fails as a whole when one context does; the trait has no way to say it more finely.
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
