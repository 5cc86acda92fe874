//! An integration, as an object of JavaScript's.

use std::sync::{Arc, OnceLock};

use bigseg_core::integration::{Integration, IntegrationConfig, IntegrationDefinition, IntegrationStatus};
use bigseg_core::status::ListenerId;
use bigseg_core::sync::{SdkKey, SyncFailure, Upstream, UpstreamProxy};
use bigseg_core::{Clock, StoreConfig};
use napi::bindgen_prelude::{AsyncTask, ClassInstance, Object};
use napi::{Env, Task};
use napi_derive::napi;

use crate::clock::ManualClock;
use crate::engine::NativeEngine;
use crate::error::{Raise, Result};
use crate::js_call::Courier;
use crate::tsfn_queue::{Mail, Mailbox, Recipient};

/// What an integration is, and its upstream; what is missing has its default.
#[napi(object, object_to_js = false)]
pub struct NativeDefinition {
    /// See `IntegrationDefinition`, also for the rest.
    pub id: String,
    /// For people.
    pub name: Option<String>,
    /// For people.
    pub project: Option<String>,
    /// For people.
    pub environment: Option<String>,
    /// Whether it is on.
    pub on: Option<bool>,
    /// A secret.
    pub sdk_key: String,
    /// A URL.
    pub base_url: Option<String>,
    /// A URL.
    pub stream_url: Option<String>,
    /// `environment`, `none`, or a URL.
    pub proxy: Option<String>,
    /// A path.
    pub ca_file: Option<String>,
    /// A store string.
    pub store: String,
    /// A path.
    pub state_directory: Option<String>,
}

impl NativeDefinition {
    fn config(self) -> bigseg_core::Result<IntegrationConfig> {
        let mut upstream = Upstream::new(SdkKey::new(&self.sdk_key)?);
        upstream.base_url = self.base_url.unwrap_or(upstream.base_url);
        upstream.stream_url = self.stream_url.unwrap_or(upstream.stream_url);
        upstream.proxy = self.proxy.as_deref().map_or(upstream.proxy, UpstreamProxy::parse);
        upstream.ca_file = self.ca_file.map(Into::into);
        let mut definition = IntegrationDefinition::new(self.id, upstream, StoreConfig::parse(&self.store)?);
        definition.name = self.name.unwrap_or(definition.name);
        definition.project = self.project.unwrap_or_default();
        definition.environment = self.environment.unwrap_or_default();
        definition.on = self.on.unwrap_or(definition.on);
        let state_directory = self.state_directory.map(Into::into);
        Ok(IntegrationConfig { state_directory, ..IntegrationConfig::new(definition) })
    }
}

/// What it has to say: the status, for one listener.
struct News(u32, IntegrationStatus);

impl Mail for News {
    /// The latest value wins.
    fn supersedes(&self, before: &Self) -> bool {
        self.0 == before.0
    }
}

/// Calls JavaScript's `deliver(listener, status)`.
struct Listeners;

impl Recipient for Listeners {
    type Mail = News;

    fn pass_on(&self, courier: &Courier, News(listener, status): News) -> napi::Result<()> {
        let status = NativeIntegrationStatus::from(status);
        courier.call(&[courier.make(listener)?, courier.make(status)?])
    }
}

/// The native half of `Integration`.
#[napi]
pub struct NativeIntegration {
    integration: Arc<Integration>,
    mailbox: Arc<Mailbox<News>>,
}

/// Starts an integration, of whose changes the engines hear; `receiver.deliver` hears of its status.
#[napi]
pub fn start_integration(
    env: Env,
    definition: NativeDefinition,
    engines: Vec<ClassInstance<'_, NativeEngine>>,
    clock: Option<ClassInstance<'_, ManualClock>>,
    receiver: Object<'_>,
) -> Result<NativeIntegration> {
    let mut config = definition.config().raise()?;
    config.observers.extend(engines.iter().map(|engine| engine.sync_observer()));
    if let Some(clock) = clock {
        config.clock = Clock::Manual(clock.0.clone());
    }
    let mailbox = Arc::new(Mailbox::default());
    mailbox.open(env, &receiver, Listeners)?;
    let integration = Integration::start(config).inspect_err(|_| mailbox.close()).raise()?;
    Ok(NativeIntegration { integration: Arc::new(integration), mailbox })
}

#[napi]
impl NativeIntegration {
    /// Returns the status of this moment.
    #[napi]
    pub fn status(&self) -> NativeIntegrationStatus {
        self.integration.status().into()
    }

    /// Returns the last errors, newest first.
    #[napi]
    pub fn error_log(&self) -> Vec<NativeSyncFailure> {
        self.integration.error_log().into_iter().map(Into::into).collect()
    }

    /// Begins to hear of the status, now and at every change; returns the listener's number.
    #[napi]
    pub fn add_status_listener(&self) -> u32 {
        let mailbox = self.mailbox.clone();
        let number = Arc::new(OnceLock::new());
        let own_number = number.clone();
        let listener = move |status: &IntegrationStatus| {
            mailbox.post(News(*own_number.wait(), status.clone()));
        };
        let id = self.integration.add_status_listener(listener);
        // Listeners are counted from 1; none will ever count to four billion.
        *number.get_or_init(|| id.number() as u32)
    }

    /// Removes a listener.
    #[napi]
    pub fn remove_status_listener(&self, number: u32) -> bool {
        self.integration.remove_status_listener(ListenerId::from_number(number.into()))
    }

    /// Replaces the SDK key.
    #[napi]
    pub fn set_sdk_key(&self, sdk_key: String) -> Result<()> {
        SdkKey::new(&sdk_key).and_then(|sdk_key| self.integration.set_sdk_key(sdk_key)).raise()
    }

    /// Turns it on or off.
    #[napi]
    pub fn set_on(&self, on: bool) -> Result<()> {
        self.integration.set_on(on).raise()
    }

    /// Changes its name.
    #[napi]
    pub fn set_name(&self, name: String) -> Result<()> {
        self.integration.set_name(&name).raise()
    }

    /// Changes where patches go.
    #[napi]
    pub fn set_store(&self, store: String) -> Result<()> {
        StoreConfig::parse(&store).and_then(|store| self.integration.set_store(store)).raise()
    }

    /// Stops it; resolves when it no longer touches the store.
    #[napi]
    pub fn close(&self) -> AsyncTask<Closing> {
        AsyncTask::new(Closing(self.integration.clone()))
    }
}

impl Drop for NativeIntegration {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

/// Waits until an integration has stopped, on a thread of Node's own pool.
pub struct Closing(Arc<Integration>);

impl Task for Closing {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        self.0.close_blocking();
        Ok(())
    }

    fn resolve(&mut self, _env: Env, (): ()) -> napi::Result<()> {
        Ok(())
    }
}

/// See the core's `IntegrationStatus`; times are Unix milliseconds.
#[napi(object, object_from_js = false)]
pub struct NativeIntegrationStatus {
    /// The name of the state.
    pub state: String,
    /// Since when.
    pub since: i64,
    /// When the store was last declared synchronised.
    pub last_synchronized: Option<i64>,
    /// What keeps it from being so.
    pub error: Option<NativeSyncFailure>,
    /// When something last failed.
    pub last_error: Option<i64>,
    /// How far filling the store has come: patches, operations, operations in a second.
    pub progress: Vec<i64>,
    /// Patches, operations, repeated, pages, streams, out of order, data losses.
    pub counters: Vec<i64>,
}

/// See the core's `SyncFailure`.
#[napi(object, object_from_js = false)]
pub struct NativeSyncFailure {
    /// The name of its kind.
    pub kind: String,
    /// The HTTP status of the upstream's answer.
    pub status_code: Option<u32>,
    /// The sentence for a person.
    pub message: String,
    /// When first.
    pub since: i64,
    /// When last.
    pub timestamp: i64,
    /// How often in a row.
    pub times: i64,
}

impl From<SyncFailure> for NativeSyncFailure {
    fn from(error: SyncFailure) -> Self {
        Self {
            kind: error.kind.name().to_owned(),
            status_code: error.status_code.map(Into::into),
            message: error.message,
            since: error.since,
            timestamp: error.timestamp,
            times: error.times as i64,
        }
    }
}

impl From<IntegrationStatus> for NativeIntegrationStatus {
    fn from(status: IntegrationStatus) -> Self {
        let (progress, counters) = (status.progress, status.counters);
        let numbers = |numbers: &[u64]| numbers.iter().map(|number| *number as i64).collect();
        Self {
            state: status.state.name().to_owned(),
            since: status.since,
            last_synchronized: status.last_synchronized,
            error: status.error.map(Into::into),
            last_error: status.last_error,
            progress: numbers(&[progress.patches, progress.operations, progress.operations_per_second]),
            counters: numbers(&[
                counters.patches,
                counters.operations,
                counters.repeated,
                counters.pages,
                counters.streams,
                counters.out_of_order,
                counters.data_losses,
            ]),
        }
    }
}
