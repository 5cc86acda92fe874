//! The handle of an engine: opens requests, follows the status, replaces the data, closes.

#[cfg(feature = "segment")]
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[cfg(feature = "segment")]
use super::evaluation::{Explanation, FlagQuery, SegmentQuery};
use super::evaluator::Evaluator;
#[cfg(feature = "sync")]
use super::invalidation::WorkerObserver;
use super::lookup::Lookups;
use super::request::{MembershipQuery, MembershipsQuery, Request};
use crate::clock::Clock;
use crate::context_key::ContextId;
use crate::error::Result;
use crate::metrics::Metrics;
use crate::runtime::{LeakAfterFork, Operation};
#[cfg(feature = "segment")]
use crate::segment::{Context, DataSet};
use crate::status::{ListenerId, Listeners, StatusUpdates, StoreStatus};

/// How long closing waits for callbacks and custom stores that do not return.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An open engine; all methods take `&self` and may be called from any thread.
///
/// Clones share one engine. Dropping the last clone stops it; [`Engine::close`] also waits until it
/// has stopped.
///
/// A [`Request`] fails only on misuse. Failures of the store are in the status and the error of an
/// [`Answer`](super::Answer), because a caller has to go on either way.
#[derive(Clone)]
pub struct Engine {
    pub(super) evaluator: LeakAfterFork<Evaluator>,
    pub(super) owner: Arc<Owner>,
}

/// What the clones of an engine share, and its tasks do not: it stops them.
pub(super) struct Owner {
    pub(super) lookups: LeakAfterFork<Arc<Lookups>>,
    pub(super) listeners: Listeners<StoreStatus>,
}

impl Engine {
    /// Looks up the membership of a context, given by its key or by its hash.
    pub fn membership(&self, id: impl Into<ContextId>) -> Request<'_, MembershipQuery> {
        Request::new(&self.evaluator, MembershipQuery::new(id.into()))
    }

    /// Looks up many contexts together; the answers are in the order of `ids`. Contexts that are
    /// not cached are fetched in as few queries as possible.
    pub fn memberships(
        &self,
        ids: impl IntoIterator<Item: Into<ContextId>>,
    ) -> Request<'_, MembershipsQuery> {
        Request::new(&self.evaluator, MembershipsQuery::new(ids.into_iter().map(Into::into)))
    }

    /// Returns the store's status as last observed; does not query the store.
    pub fn status(&self) -> StoreStatus {
        self.evaluator.lookups.tracker.current()
    }

    /// Polls the store now, and returns the status after that.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked). A failure of the
    /// store is in the status.
    pub fn refresh_status(&self) -> Operation<'_, Result<StoreStatus>> {
        let lookups = &self.evaluator.lookups;
        Operation::new(async move {
            lookups.check_usable()?;
            if let Some(store) = &lookups.store {
                // A failure is in the status.
                let _ = store.poller.poll().await;
            }
            Ok(lookups.tracker.current())
        })
    }

    /// Adds a callback for the first status and for every change. A slow callback misses
    /// intermediate statuses; it is never called by two threads at once.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn add_status_listener(
        &self,
        callback: impl Fn(&StoreStatus) + Send + Sync + 'static,
    ) -> Result<ListenerId> {
        self.evaluator.lookups.check_usable()?;
        Ok(self.owner.listeners.add(callback))
    }

    /// Removes a listener, and returns whether it was there. Once this returns, the callback does
    /// not run and will not run again; inside a callback of the engine it cannot wait for that, and
    /// returns at once.
    pub fn remove_status_listener(&self, id: ListenerId) -> bool {
        self.owner.listeners.remove(id)
    }

    /// Follows the status: the current one first, then each change.
    pub fn status_updates(&self) -> StatusUpdates {
        let lookups = &self.evaluator.lookups;
        StatusUpdates::new(lookups.tracker.subscribe(), lookups.tasks.token().clone())
    }

    /// Removes a context from the cache; the answer of a query in flight is not cached.
    ///
    /// # Errors
    /// [`InvalidContextKey`](crate::ErrorKind::InvalidContextKey).
    pub fn invalidate(&self, id: impl Into<ContextId>) -> Result<()> {
        self.evaluator.lookups.invalidate(&id.into().hash()?);
        Ok(())
    }

    /// Removes every context from the cache; the answers of queries in flight are not cached.
    pub fn invalidate_all(&self) {
        self.evaluator.lookups.invalidate_all();
    }

    /// Returns an observer for a sync worker of this process
    /// ([`SyncConfig::observers`](crate::sync::SyncConfig::observers)), so that this engine
    /// invalidates changed contexts at once. The observer does not keep the engine alive.
    #[cfg(feature = "sync")]
    pub fn sync_observer(&self) -> Arc<dyn crate::sync::SyncObserver> {
        Arc::new(WorkerObserver(Arc::downgrade(&self.evaluator.lookups)))
    }

    /// Returns whether no lookup ever waits, because the store is part of this process or missing.
    pub fn is_embedded(&self) -> bool {
        let lookups = &self.evaluator.lookups;
        lookups.store.is_none() || lookups.is_embedded()
    }

    /// Returns the engine's counters and gauges.
    pub fn metrics(&self) -> Metrics {
        let lookups = &self.evaluator.lookups;
        Metrics {
            cache_evictions: lookups.cache.evictions(),
            cached_contexts: lookups.cache.len() as u64,
            circuit_open: u64::from(lookups.store.as_ref().is_some_and(|store| store.breaker.is_open())),
            ..lookups.counters.snapshot()
        }
    }

    /// Stops the engine, all its clones included, and waits until no task, callback or call into a
    /// custom store runs.
    ///
    /// Inside one of the engine's own callbacks it cannot wait, and returns at once. It gives up
    /// after 5 s on foreign code that does not return. Later requests fail with
    /// [`Closed`](crate::ErrorKind::Closed); closing twice is fine.
    pub fn close(&self) -> Operation<'_, ()> {
        Operation::new(self.owner.lookups.close())
    }
}

#[cfg(feature = "segment")]
impl Engine {
    /// Evaluates a flag for a context: the value it serves, and why.
    ///
    /// When there is nothing to evaluate, the value is the one given to
    /// [`default`](Request::default), and the reason says why. Memberships are looked up one after
    /// the other when a rule needs them, each at most once.
    ///
    /// ```
    /// # use bigseg::{Context, Engine, EngineConfig, LookupStatus};
    /// # use serde_json::json;
    /// let engine = Engine::open(EngineConfig::default())?;
    /// engine.set_data(
    ///     r#"{"flags": {"page": {"key": "page", "version": 1, "on": true, "variations": ["old", "new"], "fallthrough": {"variation": 0},
    ///            "rules": [{"variation": 1, "clauses": [{"attribute": "", "op": "segmentMatch", "values": ["beta"]}]}]}},
    ///         "segments": {"beta": {"key": "beta", "version": 1, "unbounded": true, "generation": 3}}}"#,
    /// )?;
    /// let alice = Context::parse(r#"{"kind": "user", "key": "alice"}"#)?;
    /// let evaluation = engine.evaluate("page", &alice).wait()?;
    /// assert_eq!(evaluation.value, json!("old"));
    /// assert_eq!(evaluation.reason.big_segments_status, Some(LookupStatus::NotConfigured)); // no store is configured
    /// # Ok::<(), bigseg::Error>(())
    /// ```
    pub fn evaluate<'a>(&'a self, flag_key: &'a str, context: &'a Context) -> Request<'a, FlagQuery<'a>> {
        Request::new(&self.evaluator, FlagQuery::new(flag_key, context))
    }

    /// Evaluates whether a context is in a segment, and why. Memberships are looked up as
    /// [`Engine::evaluate`] does.
    pub fn segment_contains<'a>(
        &'a self,
        segment_key: &'a str,
        context: &'a Context,
    ) -> Request<'a, SegmentQuery<'a>> {
        Request::new(&self.evaluator, SegmentQuery::new(segment_key, context))
    }

    /// Evaluates whether a context is in a segment, and explains it. Memberships are looked up as
    /// [`Engine::evaluate`] does.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn explain<'a>(
        &'a self,
        segment_key: &'a str,
        context: &'a Context,
    ) -> Operation<'a, Result<Explanation>> {
        Operation::new(self.evaluator.explain(SegmentQuery::new(segment_key, context)))
    }

    /// Sets the flags and segments, from the JSON of the service: `{"flags":{…},"segments":{…}}`.
    ///
    /// They are replaced as a whole and without delaying evaluations; a running evaluation ends
    /// with the data it began with. A text that is rejected changes nothing.
    ///
    /// # Errors
    /// See [`DataSet::parse`].
    pub fn set_data(&self, json: &str) -> Result<()> {
        self.evaluator.lookups.check_usable()?;
        self.evaluator.data.set(json)
    }

    /// Sets the flags and segments from a file of at most [1 GiB](super::MAX_DATA_BYTES), and keeps
    /// its path for [`Engine::reload_data`]. Blocks while it reads the file.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when the file cannot be read; see
    /// also [`DataSet::parse`].
    pub fn load_data(&self, path: impl AsRef<Path>) -> Result<()> {
        self.evaluator.lookups.check_usable()?;
        self.evaluator.data.load(path.as_ref())
    }

    /// Reads the file of [`Engine::load_data`] again if it has changed, and returns whether it had.
    /// Blocks while it reads the file; cheap enough to be called every second.
    ///
    /// The file is not watched: a reload can fail, and only an explicit call can report it.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when the data do not come from a
    /// file; see also [`Engine::load_data`]. The data stay as they were, and the next call tries
    /// again.
    pub fn reload_data(&self) -> Result<bool> {
        self.evaluator.lookups.check_usable()?;
        self.evaluator.data.reload()
    }

    /// Returns the present flags and segments; `None` before the first were set.
    pub fn data(&self) -> Option<Arc<DataSet>> {
        self.evaluator.data.current().load().as_ref().map(|loaded| loaded.set.clone())
    }

    /// Replaces this engine's flags and segments, and the file they come from, with those of
    /// another engine.
    ///
    /// It takes no lock of the other engine, which may therefore have been inherited through
    /// `fork`.
    pub fn take_over_data(&self, other: &Engine) {
        self.evaluator.data.copy_from(&other.evaluator.data);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.lookups.stop();
    }
}

impl Lookups {
    /// Cancels the tasks, and does not wait. Does nothing in a forked child.
    fn stop(&self) {
        if self.generation.is_stale() {
            return;
        }
        self.closed.store(true, Ordering::Release);
        self.epoch.advance();
        self.tasks.cancel();
    }

    async fn close(&self) {
        let until = Clock::System.now().after(CLOSE_TIMEOUT);
        self.stop();
        if !self.tasks.close(CLOSE_TIMEOUT).await {
            return;
        }
        let Some(store) = &self.store else { return };
        let closed = self.tasks.runtime().deadline(&Clock::System, until, store.reader.close());
        if closed.await.is_err() {
            log::error!("the store did not close within {CLOSE_TIMEOUT:?}");
        }
    }
}
