//! The front door: an [`Engine`] answers "which segments is this context in?" from its cache, or else from the store.
//!
//! `lookup.rs` walks from a hash to an answer, `fetch.rs` asks the store on behalf of all who wait, `blocking.rs` is
//! the same front door for callers without an executor, `l1.rs` is for a first-level cache above the engine,
//! `evaluation.rs` goes on from memberships to segments and flags, whose data `data.rs` holds.

mod answer;
mod blocking;
mod config;
#[cfg(feature = "segment")]
mod data;
#[cfg(feature = "segment")]
mod evaluation;
#[cfg(feature = "segment")]
mod explanation;
mod fetch;
mod freshness;
mod invalidation;
mod l1;
mod lookup;

pub use answer::{Answer, Origin};
pub use blocking::Blocking;
pub use config::{
    EngineConfig, MAX_BATCH_SIZE, MAX_BATCHES_AT_ONCE, MAX_CACHE_SIZE, MAX_DURATION, PushInvalidation, Source,
};
#[cfg(feature = "segment")]
pub use data::MAX_DATA_BYTES;
#[cfg(feature = "segment")]
pub use explanation::Explanation;
pub use l1::Repeatable;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use freshness::Freshness;
use tokio::sync::Notify;

use crate::breaker::Breaker;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::coalesce::{Batching, Coalescer};
use crate::context_key::{ContextHash, ContextKey};
use crate::epoch::Epoch;
use crate::error::{Error, ErrorKind, Result};
use crate::metrics::{Counters, Metrics};
use crate::runtime::{ForkGeneration, LeakAfterFork, Runtime};
use crate::status::{ListenerId, Listeners, Poller, StatusTracker, StatusUpdates, StoreStatus};
use crate::store::{ChangeObserver, StoreReader, guarded};
use crate::tasks::TaskGroup;

/// How long closing waits for callbacks and custom stores that do not return.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An open engine; all methods take `&self` and may be called from any thread.
///
/// A lookup fails only on misuse: a key that is not one ([`ErrorKind::InvalidContextKey`]), an engine that was
/// closed ([`ErrorKind::Closed`]) or opened before `fork` ([`ErrorKind::Forked`]). Whatever goes wrong with the store
/// is in [`Answer::status`] and [`Answer::error`], because the caller must go on either way.
///
/// Dropping an engine tells it to stop; [`Engine::close`] also waits until it has.
pub struct Engine {
    shared: LeakAfterFork<Arc<Shared>>,
    listeners: Listeners<StoreStatus>,
}

/// What the engine's tasks share.
struct Shared {
    config: EngineConfig,
    generation: ForkGeneration,
    closed: AtomicBool,
    store: Option<Store>,
    epoch: Arc<Epoch>,
    cache: Cache,
    freshness: Freshness,
    tracker: Arc<StatusTracker>,
    counters: Arc<Counters>,
    tasks: Arc<TaskGroup>,
    #[cfg(feature = "segment")]
    data: data::Data,
}

/// The parts that exist only where there is a store.
struct Store {
    reader: Arc<dyn StoreReader>,
    poller: Arc<Poller>,
    coalescer: Coalescer,
    breaker: Breaker,
}

impl Engine {
    /// Opens an engine. It does not wait for the store; one that cannot be reached shows in the status.
    ///
    /// A memory or embedded store is polled before this returns; any other is polled at once in the background, and
    /// the first lookup waits for that.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`]; [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn open(config: EngineConfig) -> Result<Self> {
        config.validate()?;
        let runtime = Runtime::shared()?;
        let epoch = Arc::new(Epoch::default());
        let tracker = Arc::new(StatusTracker::new(config.clock.clone(), config.stale_after, epoch.clone()));
        let counters = Arc::new(Counters::default());
        let reader = match &config.source {
            Source::None => None,
            Source::Store(store) => Some(store.reader()?),
            Source::Custom(reader) => Some(reader.clone()),
        };
        let store = reader.map(|reader| Store {
            poller: Arc::new(Poller {
                reader: reader.clone(),
                tracker: tracker.clone(),
                runtime: runtime.clone(),
                clock: config.clock.clone(),
                counters: counters.clone(),
                interval: config.effective_poll_interval(),
                deadline: config.lookup_deadline,
                nudge: Notify::new(),
            }),
            reader,
            coalescer: Coalescer::new(Batching {
                size: config.batch_size,
                at_once: config.batches_at_once,
                patience: config.lookup_deadline / 2,
            }),
            breaker: Breaker::new(config.breaker_failures),
        });
        let tasks = Arc::new(TaskGroup::new(runtime));
        let shared = Arc::new(Shared {
            cache: Cache::new(config.context_cache_size, epoch.clone()),
            epoch,
            freshness: Freshness::new(&config),
            generation: ForkGeneration::current(),
            closed: AtomicBool::new(false),
            tracker: tracker.clone(),
            counters,
            store,
            tasks: tasks.clone(),
            config,
            #[cfg(feature = "segment")]
            data: data::Data::default(),
        });
        if let Some(store) = &shared.store {
            start_polling(store, &tasks);
            start_following(&shared);
        }
        let listeners = Listeners::new(tracker.subscribe(), tasks);
        Ok(Self { shared: LeakAfterFork::new(shared), listeners })
    }

    /// Looks up the membership of the context with that key.
    pub async fn membership(&self, context_key: &str) -> Result<Answer> {
        self.membership_by_hash(self.hash(context_key)?).await
    }

    /// Looks up the membership of the context with that hash.
    pub async fn membership_by_hash(&self, hash: ContextHash) -> Result<Answer> {
        self.shared.check_usable()?;
        Ok(self.shared.clone().lookup(hash).await)
    }

    /// Looks up many contexts together, in their order; what is not cached is asked for in as few queries as possible.
    pub async fn memberships(&self, context_keys: &[&str]) -> Result<Vec<Answer>> {
        let hashes = context_keys.iter().map(|key| self.hash(key)).collect::<Result<Vec<_>>>()?;
        self.memberships_by_hash(&hashes).await
    }

    /// Looks up many hashes together, in their order.
    pub async fn memberships_by_hash(&self, hashes: &[ContextHash]) -> Result<Vec<Answer>> {
        self.memberships_by_hash_within(hashes, self.shared.config.lookup_deadline).await
    }

    /// Does the same, and waits at most `deadline` instead of the lookup deadline, if that is shorter.
    pub async fn memberships_by_hash_within(
        &self,
        hashes: &[ContextHash],
        deadline: Duration,
    ) -> Result<Vec<Answer>> {
        self.shared.check_usable()?;
        let deadline = deadline.min(self.shared.config.lookup_deadline);
        Ok(self.shared.clone().lookup_many(hashes, deadline).await)
    }

    /// Returns an answer if there is one without asking anybody; never waits, never allocates for what is cached.
    pub fn cached(&self, context_key: &str) -> Result<Option<Answer>> {
        self.cached_by_hash(self.hash(context_key)?)
    }

    /// Does the same for a hash.
    pub fn cached_by_hash(&self, hash: ContextHash) -> Result<Option<Answer>> {
        self.shared.check_usable()?;
        Ok(self.shared.recall(&hash, self.shared.config.clock.now()).ok())
    }

    /// Looks up a hash and calls back with the answer, exactly once, on a thread that may block. When the engine is
    /// closed first, the answer is [`ErrorKind::Closed`].
    ///
    /// # Errors
    /// When this fails, `callback` is dropped without being called.
    pub fn membership_then(
        &self,
        hash: ContextHash,
        callback: impl FnOnce(Result<Answer>) + Send + 'static,
    ) -> Result<()> {
        let shared = self.shared.clone();
        self.call_back(async move { Ok(shared.lookup(hash).await) }, callback)
    }

    /// Returns the blocking face of this engine.
    pub fn blocking(&self) -> Blocking<'_> {
        Blocking(self)
    }

    /// Returns the store's status as far as it is known now; does not ask the store.
    pub fn status(&self) -> StoreStatus {
        self.shared.tracker.current()
    }

    /// Asks the store for its sync time now, and returns the status after that.
    pub async fn refresh_status(&self) -> Result<StoreStatus> {
        self.shared.check_usable()?;
        if let Some(store) = &self.shared.store {
            // What went wrong is in the status.
            let _ = store.poller.poll().await;
        }
        Ok(self.status())
    }

    /// Calls back with the first status and with every change; see [`Listeners`].
    pub fn add_status_listener(
        &self,
        callback: impl Fn(&StoreStatus) + Send + Sync + 'static,
    ) -> Result<ListenerId> {
        self.shared.check_usable()?;
        Ok(self.listeners.add(callback))
    }

    /// Removes a listener; see [`Listeners::remove`].
    pub fn remove_status_listener(&self, id: ListenerId) -> bool {
        self.listeners.remove(id)
    }

    /// Follows the status: the current one first, then each change.
    pub fn status_updates(&self) -> StatusUpdates {
        StatusUpdates::new(self.shared.tracker.subscribe(), self.shared.tasks.token().clone())
    }

    /// Forgets what is cached of a context; a query under way will not bring it back.
    pub fn invalidate(&self, hash: &ContextHash) {
        self.shared.invalidate(hash);
    }

    /// Forgets everything that is cached.
    pub fn invalidate_all(&self) {
        self.shared.invalidate_all();
    }

    /// Returns what a worker of this process is to tell of its changes
    /// ([`SyncConfig::observers`](crate::sync::SyncConfig::observers)): this engine then forgets changed contexts at once.
    /// It does not keep the engine alive.
    #[cfg(feature = "sync")]
    pub fn sync_observer(&self) -> Arc<dyn crate::sync::SyncObserver> {
        Arc::new(invalidation::WorkerObserver(Arc::downgrade(&self.shared)))
    }

    /// Returns what the engine has done so far.
    pub fn metrics(&self) -> Metrics {
        let shared = &self.shared;
        Metrics {
            cache_evictions: shared.cache.evictions(),
            cached_contexts: shared.cache.len() as u64,
            circuit_open: u64::from(shared.store.as_ref().is_some_and(|store| store.breaker.is_open())),
            ..shared.counters.snapshot()
        }
    }

    /// Stops everything and waits until nothing runs any more: no task, no callback, no call into a custom store.
    ///
    /// From inside one of the engine's own callbacks it cannot wait and returns at once; and it gives up after 5 s
    /// on foreign code that does not return. Later calls find the engine closed; closing twice is fine.
    pub async fn close(&self) {
        let shared = &self.shared;
        let until = Clock::System.now().after(CLOSE_TIMEOUT);
        self.stop();
        if !shared.tasks.close(CLOSE_TIMEOUT).await {
            return;
        }
        let Some(store) = &shared.store else { return };
        let closed = shared.tasks.runtime().deadline(&Clock::System, until, store.reader.close());
        if closed.await.is_err() {
            log::error!("the store did not close within {CLOSE_TIMEOUT:?}");
        }
    }

    /// Calls back with what comes of `reply`, on a thread that may block; with [`ErrorKind::Closed`] when closed first.
    fn call_back<T: Send + 'static>(
        &self,
        reply: impl Future<Output = Result<T>> + Send + 'static,
        callback: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<()> {
        self.shared.check_usable()?;
        let tasks = self.shared.tasks.clone();
        self.shared.tasks.spawn(async move {
            let reply = tasks.token().run_until_cancelled(reply).await;
            // What closing itself brought about, such as a query that was given up, is no reply.
            let reply = reply.filter(|_| !tasks.token().is_cancelled()).unwrap_or_else(|| Err(closed()));
            if tasks.call(move || callback(reply)).await.is_err() {
                log::error!("a completion callback panicked");
            }
        });
        Ok(())
    }

    fn stop(&self) {
        if self.shared.generation.is_stale() {
            return;
        }
        self.shared.closed.store(true, Ordering::Release);
        self.shared.epoch.advance();
        self.shared.tasks.cancel();
    }

    fn hash(&self, context_key: &str) -> Result<ContextHash> {
        Ok(ContextKey::new(context_key)?.hash())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn check_usable(&self) -> Result<()> {
        self.generation.check()?;
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        Ok(())
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the engine is closed")
}

fn start_polling(store: &Store, tasks: &Arc<TaskGroup>) {
    let poller = store.poller.clone();
    let in_place = store.reader.in_place().is_some();
    if in_place {
        // Answers without waiting, so it may as well be known before anyone asks.
        let _ = pollster::block_on(poller.poll());
    }
    let stop = tasks.token().clone();
    tasks.spawn(async move {
        if !in_place && stop.run_until_cancelled(poller.poll()).await.is_none() {
            return;
        }
        poller.run(&stop).await;
    });
}

/// Has the store tell of changes, if it can, and if there is a cache that gains by it.
fn start_following(shared: &Arc<Shared>) {
    let config = &shared.config;
    let has_cache = config.context_cache_size > 0 && !config.context_cache_time.is_zero();
    if config.push_invalidation == PushInvalidation::Off || !has_cache {
        return;
    }
    let follower = shared.clone();
    shared.tasks.spawn(async move {
        let Some(store) = &follower.store else { return };
        if let Some(changes) = store.reader.follow_changes(follower.clone()) {
            let changes = guarded(async {
                changes.await;
                Ok(())
            });
            if let Some(Err(e)) = follower.tasks.token().run_until_cancelled(changes).await {
                log::error!("the store no longer tells of changes: {e}");
            }
            follower.not_watching();
        }
    });
}
