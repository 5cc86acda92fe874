//! Requests: one object for each query, and the ways to get its answer.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::answer::{Answer, Leased};
use super::evaluator::Evaluator;
use super::lookup::{Lookups, Miss, Misses, Progress, Reach, closed};
use crate::clock::Moment;
use crate::context_key::{ContextHash, ContextId};
use crate::error::Result;
use crate::runtime::BoxFuture;

/// A query of an engine, and the ways to get its answer.
///
/// | | waits | returns |
/// |---|---|---|
/// | `.await` | up to the deadline, without blocking the thread | the answer |
/// | [`wait`](Self::wait) | up to the deadline, blocking the thread | the answer |
/// | [`then`](Self::then) | not | calls back with the answer |
/// | [`now`](Self::now) | not | the answer, if it is cached or the store is embedded |
/// | [`cached`](Self::cached) | not | the answer, if it is cached |
///
/// The deadline is [`EngineConfig::lookup_deadline`](super::EngineConfig::lookup_deadline), or a
/// shorter one that [`within`](Self::within) sets. An evaluation that needs several memberships
/// waits for each of them.
///
/// # Errors
/// A request fails only on misuse: [`InvalidContextKey`](crate::ErrorKind::InvalidContextKey),
/// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked). Failures of the
/// store are in the answer.
///
/// ```
/// # use bigseg::{Engine, EngineConfig, LookupStatus};
/// let engine = Engine::open(EngineConfig::new("memory:")?)?;
/// let answer = engine.membership("user-key").wait()?;
/// assert_eq!(answer.check("beta.g3"), None);
/// assert!(engine.membership("user-key").cached()?.is_some());
/// # Ok::<(), bigseg::Error>(())
/// ```
#[must_use = "a request does nothing until it is awaited or asked for its answer"]
pub struct Request<'a, Q> {
    evaluator: &'a Evaluator,
    pub(super) query: Q,
    limit: Duration,
}

/// A request whose answers have an expiry, for an L1 cache; see [`Request::leased`].
#[must_use = "a request does nothing until it is asked for its answer"]
pub struct LeasedRequest<'a, Q>(Request<'a, Q>);

/// The time of a request. It is read when it is first needed: reading a clock costs a tenth of an
/// evaluation, and only lookups need the time.
pub struct RequestTime<'a> {
    lookups: &'a Lookups,
    now: Cell<Option<Moment>>,
}

impl<'a> RequestTime<'a> {
    #[inline]
    pub(super) fn new(evaluator: &'a Evaluator) -> Self {
        Self { lookups: &evaluator.lookups, now: Cell::new(None) }
    }

    #[inline]
    pub(super) fn now(&self) -> Moment {
        let now = self.now.get().unwrap_or_else(|| self.lookups.now());
        self.now.set(Some(now));
        now
    }
}

/// The query of a [`Request`]. The trait is sealed: its methods use types of this module.
pub trait Query: Send + Sync + Unpin + Sized {
    /// The answer.
    type Reply: Send + 'static;
    /// What is left to do when the answer takes a query to the store.
    type Pending: Send;
    /// The same query, without borrowed data.
    type Owned: Query<Reply = Self::Reply> + 'static;

    /// Fails if the query is invalid.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Answers as far as that goes without waiting.
    fn start(
        &self,
        evaluator: &Evaluator,
        time: &RequestTime<'_>,
        reach: Reach,
    ) -> Result<Progress<Self::Reply, Self::Pending>>;

    /// Answers with the help of the store, waiting for each query for at most `limit`.
    fn resume(
        self,
        evaluator: Evaluator,
        pending: Self::Pending,
        limit: Duration,
    ) -> impl Future<Output = Self::Reply> + Send;

    /// Copies what the query borrows.
    fn into_owned(self) -> Self::Owned;
}

impl<'a, Q: Query> Request<'a, Q> {
    pub(super) fn new(evaluator: &'a Evaluator, query: Q) -> Self {
        let limit = evaluator.lookups.config.lookup_deadline;
        Self { evaluator, query, limit }
    }

    /// Shortens the deadline of each query to the store. A longer one than
    /// [`EngineConfig::lookup_deadline`](super::EngineConfig::lookup_deadline) has no effect.
    pub fn within(self, deadline: Duration) -> Self {
        Self { limit: self.limit.min(deadline), ..self }
    }

    /// Returns the answer. Blocks the thread up to the deadline, unless the answer is cached or the
    /// store is embedded.
    pub fn wait(self) -> Result<Q::Reply> {
        match self.start(Reach::Embedded)? {
            Progress::Done(reply, _) => Ok(reply),
            Progress::Pending(pending) => Ok(self.block_on(pending)),
        }
    }

    /// Returns the answer if it takes no query over a network: it is cached, or the store is in
    /// memory or embedded. Does not wait, except for the disk of an embedded store.
    pub fn now(self) -> Result<Option<Q::Reply>> {
        self.without_waiting(Reach::Embedded)
    }

    /// Returns the answer if everything it takes is cached. Neither waits nor queries any store.
    pub fn cached(self) -> Result<Option<Q::Reply>> {
        self.without_waiting(Reach::Cache)
    }

    /// Calls back with the answer, exactly once, on a thread that may block. If the engine is
    /// closed first, the answer is [`Closed`](crate::ErrorKind::Closed).
    ///
    /// # Errors
    /// When this fails, `callback` is dropped without being called.
    pub fn then(self, callback: impl FnOnce(Result<Q::Reply>) + Send + 'static) -> Result<()> {
        self.query.check()?;
        let evaluator = self.evaluator.clone();
        evaluator.lookups.check_usable()?;
        let tasks = evaluator.lookups.tasks.clone();
        let query = self.query.into_owned();
        let limit = self.limit;
        let reply = async move {
            let started = query.start(&evaluator, &RequestTime::new(&evaluator), Reach::Embedded)?;
            match started {
                Progress::Done(reply, _) => Ok(reply),
                Progress::Pending(pending) => Ok(query.resume(evaluator, pending, limit).await),
            }
        };
        tasks.clone().spawn(async move {
            let reply = tasks.token().run_until_cancelled(reply).await;
            // An answer that closing brought about, such as a cancelled query, is not an answer.
            let reply = reply.filter(|_| !tasks.token().is_cancelled()).unwrap_or_else(|| Err(closed()));
            if tasks.call(move || callback(reply)).await.is_err() {
                log::error!("a completion callback panicked");
            }
        });
        Ok(())
    }

    /// Requests an answer with its expiry, for an L1 cache above the engine.
    pub fn leased(self) -> LeasedRequest<'a, Q> {
        LeasedRequest(self)
    }

    fn start(&self, reach: Reach) -> Result<Progress<Q::Reply, Q::Pending>> {
        self.check()?;
        self.query.start(self.evaluator, &RequestTime::new(self.evaluator), reach)
    }

    /// Fails on misuse.
    fn check(&self) -> Result<()> {
        self.query.check()?;
        self.evaluator.lookups.check_usable()
    }

    fn without_waiting(self, reach: Reach) -> Result<Option<Q::Reply>> {
        match self.start(reach)? {
            Progress::Done(reply, _) => Ok(Some(reply)),
            Progress::Pending(_) => Ok(None),
        }
    }

    fn resume(self, pending: Q::Pending) -> impl Future<Output = Q::Reply> + Send + use<'a, Q> {
        let evaluator = self.evaluator.clone();
        self.query.resume(evaluator, pending, self.limit)
    }

    #[cold]
    fn block_on(self, pending: Q::Pending) -> Q::Reply {
        pollster::block_on(self.resume(pending))
    }
}

impl<Q: Query> LeasedRequest<'_, Q> {
    /// Returns the answer if everything it takes is cached, as [`Request::cached`] does.
    pub fn cached(self) -> Result<Option<Leased<Q::Reply>>> {
        self.without_waiting(Reach::Cache)
    }

    /// Returns the answer if it takes no query over a network, as [`Request::now`] does. One that
    /// took a read of an embedded store is valid for no time.
    pub fn now(self) -> Result<Option<Leased<Q::Reply>>> {
        self.without_waiting(Reach::Embedded)
    }

    fn without_waiting(self, reach: Reach) -> Result<Option<Leased<Q::Reply>>> {
        self.0.check()?;
        let time = RequestTime::new(self.0.evaluator);
        match self.0.query.start(self.0.evaluator, &time, reach)? {
            Progress::Done(answer, until) => Ok(Some(Leased { answer, valid_for: until.since(time.now()) })),
            Progress::Pending(_) => Ok(None),
        }
    }
}

impl<'a, Q: Query + 'a> IntoFuture for Request<'a, Q> {
    type Output = Result<Q::Reply>;
    type IntoFuture = RequestFuture<'a, Q>;

    fn into_future(self) -> RequestFuture<'a, Q> {
        RequestFuture { state: State::Start(Some(self)) }
    }
}

/// Waits for the answer of a [`Request`]. It allocates only when it has to wait.
pub struct RequestFuture<'a, Q: Query> {
    state: State<'a, Q>,
}

enum State<'a, Q: Query> {
    /// `None` once the answer was given.
    Start(Option<Request<'a, Q>>),
    Waiting(BoxFuture<'a, Q::Reply>),
}

impl<'a, Q: Query + 'a> Future for RequestFuture<'a, Q> {
    type Output = Result<Q::Reply>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Start(request) = &mut self.state {
            let request = request.take().expect("a future is not polled after its completion");
            match request.start(Reach::Embedded) {
                Err(e) => return Poll::Ready(Err(e)),
                Ok(Progress::Done(reply, _)) => return Poll::Ready(Ok(reply)),
                Ok(Progress::Pending(pending)) => {
                    self.state = State::Waiting(Box::pin(request.resume(pending)));
                }
            }
        }
        match &mut self.state {
            State::Waiting(reply) => reply.as_mut().poll(context).map(Ok),
            State::Start(_) => Poll::Pending,
        }
    }
}

/// A lookup of one context: the segments that include or exclude it.
#[derive(Debug, Clone)]
pub struct MembershipQuery {
    hash: Result<ContextHash>,
}

/// A lookup of several contexts: the segments that include or exclude each.
#[derive(Debug, Clone)]
pub struct MembershipsQuery {
    hashes: Result<Vec<ContextHash>>,
}

impl MembershipQuery {
    #[inline]
    pub(super) fn new(id: ContextId) -> Self {
        Self { hash: id.hash() }
    }
}

impl MembershipsQuery {
    pub(super) fn new(ids: impl Iterator<Item = ContextId>) -> Self {
        Self { hashes: ids.map(ContextId::hash).collect() }
    }
}

impl Query for MembershipQuery {
    type Reply = Answer;
    type Pending = Miss;
    type Owned = Self;

    #[inline]
    fn check(&self) -> Result<()> {
        self.hash.as_ref().map(drop).map_err(Clone::clone)
    }

    #[inline]
    fn start(
        &self,
        evaluator: &Evaluator,
        time: &RequestTime<'_>,
        reach: Reach,
    ) -> Result<Progress<Answer, Miss>> {
        match &self.hash {
            Ok(hash) => Ok(evaluator.lookups.try_lookup(*hash, time.now(), reach)),
            Err(e) => Err(e.clone()),
        }
    }

    async fn resume(self, evaluator: Evaluator, miss: Miss, limit: Duration) -> Answer {
        evaluator.lookups.fetch(miss, limit).await
    }

    fn into_owned(self) -> Self {
        self
    }
}

impl Query for MembershipsQuery {
    type Reply = Vec<Answer>;
    type Pending = Misses;
    type Owned = Self;

    fn check(&self) -> Result<()> {
        self.hashes.as_ref().map(drop).map_err(Clone::clone)
    }

    fn start(
        &self,
        evaluator: &Evaluator,
        time: &RequestTime<'_>,
        reach: Reach,
    ) -> Result<Progress<Vec<Answer>, Misses>> {
        match &self.hashes {
            Ok(hashes) => Ok(evaluator.lookups.try_lookup_many(hashes, time.now(), reach)),
            Err(e) => Err(e.clone()),
        }
    }

    async fn resume(self, evaluator: Evaluator, misses: Misses, limit: Duration) -> Vec<Answer> {
        evaluator.lookups.fetch_many(misses, limit).await
    }

    fn into_owned(self) -> Self {
        self
    }
}
