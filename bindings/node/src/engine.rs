//! The engine, as a JavaScript object.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use bigseg::engine::Source;
use bigseg::status::ListenerId;
use bigseg::sync::SyncObserver;
use bigseg::{Clock, Context, ContextHash, Engine, StoreConfig, StoreStatus};
use napi::bindgen_prelude::{AsyncTask, ClassInstance, External, Object};
use napi::{Env, JsValue};
use napi_derive::napi;

use crate::answer_codec::{MembershipRefs, MembershipTable};
use crate::clock::ManualClock;
use crate::custom_store::{CustomStore, NativeMembership};
use crate::engine_consumer::EngineConsumer;
use crate::engine_message::EngineMessage;
use crate::engine_state::{EngineState, L1_SLOTS};
use crate::error::{Failure, OrThrow, Result, internal};
use crate::evaluation::{DataChange, DataSource, Query};
use crate::hot_path;
use crate::options::NativeOptions;
use crate::pending_calls::{Outcome, PendingCalls};
use crate::status::NativeStatus;
use crate::tsfn_queue::Queue;

/// The native half of `Engine`.
#[napi]
pub struct NativeEngine {
    state: Rc<EngineState>,
    queue: Arc<Queue<EngineMessage>>,
    custom_store: Option<Arc<CustomStore>>,
}

/// Opens an engine on a configured store, on a custom store, or on no store.
///
/// `dispatcher.deliver` receives every later event; see `lib/dispatcher.ts`.
#[napi]
pub fn open_engine(
    env: Env,
    store: Option<&External<StoreConfig>>,
    has_custom_store: bool,
    options: NativeOptions,
    clock: Option<ClassInstance<'_, ManualClock>>,
    dispatcher: Object<'_>,
) -> Result<NativeEngine> {
    let mut config = options.engine_config().or_throw()?;
    if let Some(clock) = clock {
        config.clock = Clock::Manual(clock.0.clone());
    }
    let queue = Arc::new(Queue::default());
    let custom_store = has_custom_store.then(|| Arc::new(CustomStore::new(queue.clone())));
    config.source = match (store, &custom_store) {
        (Some(store), _) => Source::Store(StoreConfig::clone(store)),
        (None, Some(custom_store)) => Source::Custom(custom_store.clone()),
        (None, None) => Source::None,
    };
    let table = Rc::new(RefCell::new(MembershipTable::default()));
    let calls = Rc::new(PendingCalls::new(queue.clone()));
    let consumer = EngineConsumer { calls: calls.clone(), table: table.clone() };
    queue.open(env, &dispatcher, consumer)?;
    let engine = Engine::open(config).inspect_err(|_| queue.close()).or_throw()?;
    let state = Rc::new(EngineState {
        is_embedded: engine.is_embedded(),
        engine: Arc::new(engine),
        table,
        l1_slots: RefCell::new(vec![ContextHash::from_bytes([0; ContextHash::BYTES]); L1_SLOTS]),
        shared: Cell::default(),
        last_failure: RefCell::default(),
        calls,
    });
    Ok(NativeEngine { state, queue, custom_store })
}

#[napi]
impl NativeEngine {
    /// Returns the functions that lookups call, and the memory they share with JavaScript.
    #[napi(ts_return_type = "HotPath")]
    pub fn hot_path(&self, env: Env) -> Result<Object<'_>> {
        let object = Object::new(&env).map_err(|e| internal(&e.reason))?;
        hot_path::define(env.raw(), object.raw(), self.state.clone())
            .ok_or_else(|| internal("Node cannot create the functions of the engine"))?;
        Ok(Object::from_raw(env.raw(), object.raw()))
    }

    /// Whether lookups never wait, because the store is part of this process or missing.
    #[napi(getter)]
    pub fn is_embedded(&self) -> bool {
        self.state.is_embedded
    }

    /// Returns the refs of the membership with this number.
    #[napi]
    pub fn membership_refs(&self, number: u32) -> Option<MembershipRefs> {
        self.state.table.borrow().refs(number as usize)
    }

    /// Returns the error of the last synchronous lookup, if it failed.
    #[napi]
    pub fn last_failure(&self) -> Option<Failure> {
        self.state.last_failure.take().as_ref().map(Failure::from)
    }

    /// Starts an evaluation; its outcome is JSON.
    #[napi]
    pub fn start_evaluation(
        &self,
        env: Env,
        call_id: u32,
        query: u32,
        key: String,
        context: &External<Context>,
    ) {
        let engine = self.engine().clone();
        let context = Context::clone(context);
        self.start_call(env, call_id, async move {
            Outcome::Json(Query::from_number(query.into()).evaluate(&engine, &key, &context).await)
        });
    }

    /// Replaces the flags and segments by those of a JSON text.
    #[napi]
    pub fn set_data(&self, json: String) -> AsyncTask<DataChange> {
        AsyncTask::new(DataChange::new(self.engine(), DataSource::Json(json)))
    }

    /// Replaces the flags and segments by those of a file, and remembers its path.
    #[napi]
    pub fn load_data(&self, path: String) -> AsyncTask<DataChange> {
        AsyncTask::new(DataChange::new(self.engine(), DataSource::File(path)))
    }

    /// Reads the file of `load_data` again if it has changed.
    #[napi]
    pub fn reload_data(&self) -> AsyncTask<DataChange> {
        AsyncTask::new(DataChange::new(self.engine(), DataSource::SameFile))
    }

    /// Returns the last known status of the store.
    #[napi]
    pub fn status(&self) -> NativeStatus {
        self.state.engine.status().into()
    }

    /// Starts reading the store's sync time.
    #[napi]
    pub fn start_refresh_status(&self, env: Env, call_id: u32) {
        let engine = self.state.engine.clone();
        self.start_call(env, call_id, async move { Outcome::Status(engine.refresh_status().await) });
    }

    /// Delivers the current status and every change; returns the id of the listener.
    #[napi]
    pub fn add_status_listener(&self) -> Result<u32> {
        let queue = self.queue.clone();
        let id = Arc::new(OnceLock::new());
        let own_id = id.clone();
        let listener = move |status: &StoreStatus| {
            queue.push(EngineMessage::Status(*own_id.wait(), status.clone()));
        };
        let core_id = self.state.engine.add_status_listener(listener).or_throw()?;
        // The core counts listeners from 1; no process reaches four billion.
        Ok(*id.get_or_init(|| core_id.number() as u32))
    }

    /// Removes a listener.
    #[napi]
    pub fn remove_status_listener(&self, id: u32) -> bool {
        self.state.engine.remove_status_listener(ListenerId::from_number(id.into()))
    }

    /// Removes a context from the cache, by its key.
    #[napi]
    pub fn invalidate(&self, context_key: String) -> Result<()> {
        self.state.engine.invalidate(context_key.as_str()).or_throw()
    }

    /// Removes a context from the cache, by its hash.
    #[napi]
    pub fn invalidate_by_hash(&self, context_hash: String) -> Result<()> {
        let hash = ContextHash::parse(context_hash).or_throw()?;
        self.state.engine.invalidate(hash).or_throw()
    }

    /// Empties the cache.
    #[napi]
    pub fn invalidate_all(&self) {
        self.state.engine.invalidate_all();
    }

    /// Returns each metric with its name in the core.
    #[napi]
    pub fn metrics(&self) -> Vec<(String, i64)> {
        let metrics = self.state.engine.metrics().all();
        metrics.into_iter().map(|(name, value)| (name.to_owned(), value as i64)).collect()
    }

    /// Starts closing the engine.
    #[napi]
    pub fn start_close(&self, env: Env, call_id: u32) {
        let engine = self.state.engine.clone();
        self.start_call(env, call_id, async move {
            engine.close().await;
            Outcome::Closed
        });
    }

    /// Completes a request to the custom store for memberships.
    #[napi]
    pub fn reply_memberships(&self, request: u32, memberships: Vec<NativeMembership>) {
        if let Some(store) = &self.custom_store {
            store.reply_memberships(request, memberships);
        }
    }

    /// Completes a request to the custom store for metadata.
    #[napi]
    pub fn reply_metadata(&self, request: u32, synchronized_on: i64) {
        if let Some(store) = &self.custom_store {
            store.reply_metadata(request, synchronized_on);
        }
    }

    /// Fails a request to the custom store.
    #[napi]
    pub fn reply_failure(&self, request: u32, kind: String, message: String) {
        if let Some(store) = &self.custom_store {
            store.reply_failure(request, &kind, &message);
        }
    }
}

impl NativeEngine {
    /// Returns the observer that an integration of this process notifies of changes.
    pub(crate) fn sync_observer(&self) -> Arc<dyn SyncObserver> {
        self.state.engine.sync_observer()
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.state.engine
    }

    /// Starts a call; its outcome is delivered with the call id.
    pub(crate) fn start_call(
        &self,
        env: Env,
        call_id: u32,
        call: impl Future<Output = Outcome> + Send + 'static,
    ) {
        self.state.calls.start(env.raw(), call_id, call);
    }
}

impl Drop for NativeEngine {
    fn drop(&mut self) {
        self.queue.close();
    }
}
