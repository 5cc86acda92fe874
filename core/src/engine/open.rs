//! Opens an engine, and starts its tasks.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Notify;

use super::config::{EngineConfig, PushInvalidation, Source};
#[cfg(feature = "segment")]
use super::data::Data;
use super::evaluator::Evaluator;
use super::freshness::Freshness;
use super::handle::{Engine, Owner};
use super::lookup::{Lookups, Store};
use crate::breaker::Breaker;
use crate::cache::Cache;
use crate::coalesce::{Batching, Coalescer};
use crate::epoch::Epoch;
use crate::error::Result;
use crate::metrics::Counters;
use crate::runtime::{ForkGeneration, LeakAfterFork, Runtime};
use crate::status::{Listeners, Poller, StatusTracker};
use crate::store::{ChangeListener, StoreReader, guarded};
use crate::tasks::TaskGroup;

impl Engine {
    /// Opens an engine. It does not wait for the store: a store that cannot be reached shows in the
    /// status.
    ///
    /// A memory or embedded store is polled before this returns. Any other store is polled at once
    /// in the background, and the first lookup waits for that poll.
    ///
    /// # Errors
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig); [`Internal`](crate::ErrorKind::Internal)
    /// when the machine refuses more threads.
    pub fn open(config: EngineConfig) -> Result<Self> {
        config.validate()?;
        let reader = match &config.source {
            Source::None => None,
            Source::Store(store) => Some(store.reader()?),
            Source::Custom(reader) => Some(reader.clone()),
        };
        let runtime = Runtime::shared()?;
        let epoch = Arc::new(Epoch::default());
        let counters = Arc::new(Counters::default());
        let tracker = Arc::new(StatusTracker::new(
            config.clock.clone(),
            config.stale_after,
            epoch.clone(),
            counters.clone(),
        ));
        let tasks = Arc::new(TaskGroup::new(runtime.clone()));
        let lookups = Arc::new(Lookups {
            generation: ForkGeneration::current(),
            closed: AtomicBool::new(false),
            store: reader.map(|reader| open_store(&config, reader, &tracker, runtime)),
            cache: Cache::new(config.context_cache_size, epoch.clone()),
            freshness: Freshness::new(&config),
            epoch: epoch.clone(),
            tracker: tracker.clone(),
            counters,
            tasks: tasks.clone(),
            config,
        });
        if let Some(store) = &lookups.store {
            start_polling(store, &tasks);
            start_push(&lookups);
        }
        let evaluator = Evaluator {
            lookups: lookups.clone(),
            #[cfg(feature = "segment")]
            data: Arc::new(Data::new(epoch)),
        };
        let listeners = Listeners::new(tracker.subscribe(), tasks);
        Ok(Self {
            evaluator: LeakAfterFork::new(evaluator),
            owner: Arc::new(Owner { lookups: LeakAfterFork::new(lookups), listeners }),
        })
    }
}

fn open_store(
    config: &EngineConfig,
    reader: Arc<dyn StoreReader>,
    tracker: &Arc<StatusTracker>,
    runtime: Arc<Runtime>,
) -> Store {
    let poller = Poller {
        reader: reader.clone(),
        tracker: tracker.clone(),
        runtime,
        clock: config.clock.clone(),
        interval: config.effective_poll_interval(),
        deadline: config.lookup_deadline,
        poll_now: Notify::new(),
    };
    let batching = Batching {
        size: config.batch_size,
        at_once: config.batches_at_once,
        stuck_after: config.lookup_deadline / 2,
    };
    Store {
        reader,
        poller: Arc::new(poller),
        coalescer: Coalescer::new(batching),
        breaker: Breaker::new(config.breaker_failures),
    }
}

fn start_polling(store: &Store, tasks: &Arc<TaskGroup>) {
    let poller = store.poller.clone();
    let is_embedded = store.reader.as_inline().is_some();
    if is_embedded {
        // Does not wait, so the status is known when the engine is opened. A failure is in the
        // status.
        let _ = pollster::block_on(poller.poll());
    }
    let token = tasks.token().clone();
    tasks.spawn(async move {
        if !is_embedded && token.run_until_cancelled(poller.poll()).await.is_none() {
            return;
        }
        poller.run(&token).await;
    });
}

/// Subscribes to the store's changes, if it can push them and there is a cache that benefits.
fn start_push(lookups: &Arc<Lookups>) {
    let config = &lookups.config;
    let has_cache = config.context_cache_size > 0 && !config.context_cache_time.is_zero();
    if config.push_invalidation == PushInvalidation::Off || !has_cache {
        return;
    }
    let lookups = lookups.clone();
    lookups.tasks.clone().spawn(async move {
        let Some(store) = &lookups.store else { return };
        if let Some(changes) = store.reader.subscribe(lookups.clone()) {
            let changes = guarded(async {
                changes.await;
                Ok(())
            });
            if let Some(Err(e)) = lookups.tasks.token().run_until_cancelled(changes).await {
                log::error!("push invalidation ended: {e}");
            }
            lookups.disconnected();
        }
    });
}
