//! The engine, as an object of JavaScript's.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bigseg_core::engine::Source;
use bigseg_core::status::ListenerId;
use bigseg_core::sync::SyncObserver;
use bigseg_core::{Answer, Clock, ContextHash, Engine, Error, StoreConfig};
use napi::bindgen_prelude::{ClassInstance, Object, ToNapiValue};
use napi::{Env, JsValue};
use napi_derive::napi;
use napi_sys as sys;

use crate::answer_codec::{EncodedAnswers, MembershipRefs, MembershipTable};
use crate::clock::ManualClock;
use crate::custom_store::{CustomStore, NativeMembership};
use crate::error::{Failure, Raise, Result, internal};
use crate::hot_path::{self, SLOTS, SharedMemory};
use crate::js_call::Courier;
use crate::message::Message;
use crate::options::NativeOptions;
use crate::pending_calls::{Calls, Outcome};
use crate::status::NativeStatus;
use crate::tsfn_queue::{Mailbox, Recipient};

/// What the functions of an engine share; on one thread only.
pub(crate) struct EngineState {
    pub(crate) engine: Arc<Engine>,
    /// Whether the store answers without waiting.
    pub(crate) in_place: bool,
    pub(crate) table: Rc<RefCell<MembershipTable>>,
    /// Which contexts the first-level cache in JavaScript holds, by slot.
    pub(crate) slots: RefCell<Vec<ContextHash>>,
    pub(crate) shared: Cell<Option<SharedMemory>>,
    /// Why the last lookup in place failed, if it did.
    pub(crate) last_failure: RefCell<Option<Error>>,
    calls: Rc<Calls>,
}

impl EngineState {
    pub(crate) fn begin_lookups(
        &self,
        env: sys::napi_env,
        ticket: u32,
        hashes: Vec<ContextHash>,
        deadline: Duration,
    ) {
        let engine = self.engine.clone();
        self.calls.begin(env, ticket, async move {
            Outcome::Answers(engine.memberships(&hashes).within(deadline).await)
        });
    }
}

/// The native half of `Engine`.
#[napi]
pub struct NativeEngine {
    state: Rc<EngineState>,
    mailbox: Arc<Mailbox<Message>>,
    custom: Option<Arc<CustomStore>>,
}

/// Opens an engine on the store of a store string, on a custom one, or on none. `inbox.deliver` hears of everything that
/// happens later; see `lib/dispatcher.ts`.
#[napi]
pub fn open_engine(
    env: Env,
    store: Option<String>,
    is_custom: bool,
    options: NativeOptions,
    clock: Option<ClassInstance<'_, ManualClock>>,
    inbox: Object<'_>,
) -> Result<NativeEngine> {
    let mut config = options.engine_config().raise()?;
    if let Some(clock) = clock {
        config.clock = Clock::Manual(clock.0.clone());
    }
    let mailbox = Arc::new(Mailbox::default());
    let custom = is_custom.then(|| Arc::new(CustomStore::new(mailbox.clone())));
    config.source = match (&store, &custom) {
        (Some(store), _) => Source::Store(StoreConfig::parse(store).raise()?),
        (None, Some(custom)) => Source::Custom(custom.clone()),
        (None, None) => Source::None,
    };
    let in_place = match &config.source {
        Source::None => true,
        Source::Store(store) => matches!(store, StoreConfig::Memory(_) | StoreConfig::Local(_)),
        Source::Custom(_) => false,
    };
    let table = Rc::new(RefCell::new(MembershipTable::default()));
    let calls = Rc::new(Calls::new(mailbox.clone()));
    let recipient = Inbox { calls: calls.clone(), table: table.clone() };
    mailbox.open(env, &inbox, recipient)?;
    let engine = Engine::open(config).inspect_err(|_| mailbox.close()).raise()?;
    let state = Rc::new(EngineState {
        engine: Arc::new(engine),
        in_place,
        table,
        slots: RefCell::new(vec![ContextHash::from_bytes([0; ContextHash::BYTES]); SLOTS]),
        shared: Cell::default(),
        last_failure: RefCell::default(),
        calls,
    });
    Ok(NativeEngine { state, mailbox, custom })
}

#[napi]
impl NativeEngine {
    /// Returns the functions that lookups call, and the memory they share.
    #[napi(ts_return_type = "HotPath")]
    pub fn hot_path(&self, env: Env) -> Result<Object<'_>> {
        let object = Object::new(&env).map_err(|e| internal(&e.reason))?;
        hot_path::define(env.raw(), object.raw(), self.state.clone())
            .ok_or_else(|| internal("the functions of the engine cannot be made"))?;
        Ok(Object::from_raw(env.raw(), object.raw()))
    }

    /// Whether the store answers without waiting.
    #[napi(getter)]
    pub fn in_place(&self) -> bool {
        self.state.in_place
    }

    /// Returns the refs of the membership with that number, once it was told.
    #[napi]
    pub fn membership_refs(&self, number: u32) -> Option<MembershipRefs> {
        self.state.table.borrow().refs(number as usize)
    }

    /// Returns why the last lookup in place failed, if it did.
    #[napi]
    pub fn last_failure(&self) -> Option<Failure> {
        self.state.last_failure.take().as_ref().map(Failure::from)
    }

    /// Returns the store's status as far as it is known now.
    #[napi]
    pub fn status(&self) -> NativeStatus {
        self.state.engine.status().into()
    }

    /// Begins to ask the store for its sync time.
    #[napi]
    pub fn begin_refresh_status(&self, env: Env, ticket: u32) {
        let engine = self.state.engine.clone();
        self.state.calls.begin(
            env.raw(),
            ticket,
            async move { Outcome::Status(engine.refresh_status().await) },
        );
    }

    /// Begins to hear of the status, now and at every change; returns the listener's number.
    #[napi]
    pub fn add_status_listener(&self) -> Result<u32> {
        let mailbox = self.mailbox.clone();
        let number = Arc::new(std::sync::OnceLock::new());
        let own_number = number.clone();
        let listener = move |status: &bigseg_core::StoreStatus| {
            mailbox.post(Message::Status(*own_number.wait(), status.clone()));
        };
        let id = self.state.engine.add_status_listener(listener).raise()?;
        // Listeners are counted from 1; none will ever count to four billion.
        Ok(*number.get_or_init(|| id.number() as u32))
    }

    /// Removes a listener.
    #[napi]
    pub fn remove_status_listener(&self, number: u32) -> bool {
        self.state.engine.remove_status_listener(ListenerId::from_number(number.into()))
    }

    /// Forgets what is cached of a context.
    #[napi]
    pub fn invalidate(&self, context_key: String) -> Result<()> {
        self.state.engine.invalidate(context_key.as_str()).raise()?;
        Ok(())
    }

    /// Forgets what is cached of a context, by its hash.
    #[napi]
    pub fn invalidate_by_hash(&self, context_hash: String) -> Result<()> {
        self.state.engine.invalidate(ContextHash::parse(context_hash).raise()?).raise()?;
        Ok(())
    }

    /// Forgets everything that is cached.
    #[napi]
    pub fn invalidate_all(&self) {
        self.state.engine.invalidate_all();
    }

    /// Returns each figure with its name as the core spells it.
    #[napi]
    pub fn metrics(&self) -> Vec<(String, i64)> {
        let figures = self.state.engine.metrics().all();
        figures.into_iter().map(|(name, figure)| (name.to_owned(), figure as i64)).collect()
    }

    /// Begins to close the engine.
    #[napi]
    pub fn begin_close(&self, env: Env, ticket: u32) {
        let engine = self.state.engine.clone();
        self.state.calls.begin(env.raw(), ticket, async move {
            engine.close().await;
            Outcome::Closed
        });
    }

    /// Answers a custom store's question for memberships.
    #[napi]
    pub fn reply_memberships(&self, number: u32, memberships: Vec<NativeMembership>) {
        if let Some(custom) = &self.custom {
            custom.reply_memberships(number, memberships);
        }
    }

    /// Answers a custom store's question for metadata.
    #[napi]
    pub fn reply_metadata(&self, number: u32, synchronized_on: i64) {
        if let Some(custom) = &self.custom {
            custom.reply_metadata(number, synchronized_on);
        }
    }

    /// Says that a custom store failed.
    #[napi]
    pub fn reply_failure(&self, number: u32, kind: String, message: String) {
        if let Some(custom) = &self.custom {
            custom.fail(number, &kind, &message);
        }
    }
}

impl NativeEngine {
    /// Returns what an integration of this process is to tell of its changes.
    pub(crate) fn sync_observer(&self) -> Arc<dyn SyncObserver> {
        self.state.engine.sync_observer()
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.state.engine
    }

    /// Begins a call; what comes out of it is delivered under the ticket's number.
    pub(crate) fn begin_call(
        &self,
        env: Env,
        ticket: u32,
        call: impl Future<Output = Outcome> + Send + 'static,
    ) {
        self.state.calls.begin(env.raw(), ticket, call);
    }
}

impl Drop for NativeEngine {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

/// Takes the messages of an engine and calls JavaScript's `deliver(kind, number, failure, value, more)`.
struct Inbox {
    calls: Rc<Calls>,
    table: Rc<RefCell<MembershipTable>>,
}

/// What a delivery is; `lib/dispatcher.ts` has the same numbers.
#[derive(Clone, Copy)]
enum Delivery {
    Answers = 0,
    Refreshed = 1,
    Closed = 2,
    Status = 3,
    Memberships = 4,
    Metadata = 5,
    Text = 6,
}

impl Recipient for Inbox {
    type Mail = Message;

    fn pass_on(&self, courier: &Courier, message: Message) -> napi::Result<()> {
        match message {
            Message::Woken(ticket) => match self.calls.go_on(courier.env, ticket) {
                None => Ok(()),
                Some(Outcome::Answers(Ok(answers))) => self.pass_on_answers(courier, ticket, &answers),
                Some(Outcome::Answers(Err(e))) => courier.failure(Delivery::Answers, ticket, &e),
                Some(Outcome::Status(Ok(status))) => {
                    courier.value(Delivery::Refreshed, ticket, NativeStatus::from(status))
                }
                Some(Outcome::Status(Err(e))) => courier.failure(Delivery::Refreshed, ticket, &e),
                Some(Outcome::Text(Ok(text))) => courier.value(Delivery::Text, ticket, text),
                Some(Outcome::Text(Err(e))) => courier.failure(Delivery::Text, ticket, &e),
                Some(Outcome::Closed) => courier.value(Delivery::Closed, ticket, ()),
            },
            Message::Status(number, status) => {
                courier.value(Delivery::Status, number, NativeStatus::from(status))
            }
            Message::Memberships(number, hashes) => {
                let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
                courier.value(Delivery::Memberships, number, hashes)
            }
            Message::Metadata(number) => courier.value(Delivery::Metadata, number, ()),
        }
    }
}

impl Inbox {
    fn pass_on_answers(&self, courier: &Courier, ticket: u32, answers: &[Answer]) -> napi::Result<()> {
        let encoded = EncodedAnswers::new(&mut self.table.borrow_mut(), answers);
        let numbers = courier.numbers(&encoded.numbers)?;
        courier.deliver(
            Delivery::Answers,
            ticket,
            courier.make(())?,
            numbers,
            courier.make(encoded.failures)?,
        )
    }
}

impl Courier {
    fn failure(&self, delivery: Delivery, number: u32, error: &Error) -> napi::Result<()> {
        let nothing = self.make(())?;
        self.deliver(delivery, number, self.make(Failure::from(error))?, nothing, nothing)
    }

    fn value(&self, delivery: Delivery, number: u32, value: impl ToNapiValue) -> napi::Result<()> {
        let nothing = self.make(())?;
        self.deliver(delivery, number, nothing, self.make(value)?, nothing)
    }

    fn deliver(
        &self,
        delivery: Delivery,
        number: u32,
        failure: sys::napi_value,
        value: sys::napi_value,
        more: sys::napi_value,
    ) -> napi::Result<()> {
        self.call(&[self.make(delivery as u32)?, self.make(number)?, failure, value, more])
    }
}
