//! An integration, as a JavaScript object.

use std::sync::{Arc, OnceLock};

use bigseg::integration::{Integration, IntegrationConfig, IntegrationDefinition, IntegrationStatus};
use bigseg::status::ListenerId;
use bigseg::sync::{SdkKey, SyncFailure, Upstream, UpstreamProxy};
use bigseg::{Clock, StoreConfig};
use napi::bindgen_prelude::{AsyncTask, ClassInstance, External, Object};
use napi::{Env, Task};
use napi_derive::napi;

use crate::clock::ManualClock;
use crate::engine::NativeEngine;
use crate::error::{OrThrow, Result};
use crate::js_call::JsCall;
use crate::tsfn_queue::{Consumer, Message, Queue};

/// An integration and its upstream; a missing field has its default.
#[napi(object, object_to_js = false)]
pub struct NativeDefinition {
    /// The fields are those of the core's `IntegrationDefinition` and `Upstream`.
    pub id: String,
    /// For display.
    pub name: Option<String>,
    /// For display.
    pub project: Option<String>,
    /// For display.
    pub environment: Option<String>,
    /// Whether the integration is on.
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
    /// A path.
    pub state_directory: Option<String>,
}

impl NativeDefinition {
    fn config(self, store: StoreConfig) -> bigseg::Result<IntegrationConfig> {
        let mut upstream = Upstream::new(SdkKey::new(&self.sdk_key)?);
        upstream.base_url = self.base_url.unwrap_or(upstream.base_url);
        upstream.stream_url = self.stream_url.unwrap_or(upstream.stream_url);
        upstream.proxy = self.proxy.as_deref().map_or(upstream.proxy, UpstreamProxy::parse);
        upstream.ca_file = self.ca_file.map(Into::into);
        let mut definition = IntegrationDefinition::new(self.id, upstream, store);
        definition.name = self.name.unwrap_or(definition.name);
        definition.project = self.project.unwrap_or_default();
        definition.environment = self.environment.unwrap_or_default();
        definition.on = self.on.unwrap_or(definition.on);
        let state_directory = self.state_directory.map(Into::into);
        Ok(IntegrationConfig { state_directory, ..IntegrationConfig::new(definition) })
    }
}

/// A status for one listener.
struct StatusMessage(u32, IntegrationStatus);

impl Message for StatusMessage {
    /// A status replaces the previous one of the same listener.
    fn replaces(&self, before: &Self) -> bool {
        self.0 == before.0
    }
}

/// Calls `deliver(listener, status)` in JavaScript.
struct StatusConsumer;

impl Consumer for StatusConsumer {
    type Message = StatusMessage;

    fn consume(&self, js: &JsCall, StatusMessage(listener, status): StatusMessage) -> napi::Result<()> {
        let status = NativeIntegrationStatus::from(status);
        js.call(&[js.value(listener)?, js.value(status)?])
    }
}

/// The native half of `Integration`.
#[napi]
pub struct NativeIntegration {
    integration: Arc<Integration>,
    queue: Arc<Queue<StatusMessage>>,
}

/// Starts an integration that notifies `engines` of changes.
///
/// `receiver.deliver` receives its status.
#[napi]
pub fn start_integration(
    env: Env,
    definition: NativeDefinition,
    store: &External<StoreConfig>,
    engines: Vec<ClassInstance<'_, NativeEngine>>,
    clock: Option<ClassInstance<'_, ManualClock>>,
    receiver: Object<'_>,
) -> Result<NativeIntegration> {
    let mut config = definition.config(StoreConfig::clone(store)).or_throw()?;
    config.observers.extend(engines.iter().map(|engine| engine.sync_observer()));
    if let Some(clock) = clock {
        config.clock = Clock::Manual(clock.0.clone());
    }
    let queue = Arc::new(Queue::default());
    queue.open(env, &receiver, StatusConsumer)?;
    let integration = Integration::start(config).inspect_err(|_| queue.close()).or_throw()?;
    Ok(NativeIntegration { integration: Arc::new(integration), queue })
}

#[napi]
impl NativeIntegration {
    /// Returns the current status.
    #[napi]
    pub fn status(&self) -> NativeIntegrationStatus {
        self.integration.status().into()
    }

    /// Returns the last errors, newest first.
    #[napi]
    pub fn error_log(&self) -> Vec<NativeSyncFailure> {
        self.integration.error_log().into_iter().map(Into::into).collect()
    }

    /// Delivers the current status and every change; returns the id of the listener.
    #[napi]
    pub fn add_status_listener(&self) -> u32 {
        let queue = self.queue.clone();
        let id = Arc::new(OnceLock::new());
        let own_id = id.clone();
        let listener = move |status: &IntegrationStatus| {
            queue.push(StatusMessage(*own_id.wait(), status.clone()));
        };
        let core_id = self.integration.add_status_listener(listener);
        // The core counts listeners from 1; no process reaches four billion.
        *id.get_or_init(|| core_id.number() as u32)
    }

    /// Removes a listener.
    #[napi]
    pub fn remove_status_listener(&self, id: u32) -> bool {
        self.integration.remove_status_listener(ListenerId::from_number(id.into()))
    }

    /// Replaces the SDK key.
    #[napi]
    pub fn set_sdk_key(&self, sdk_key: String) -> Result<()> {
        SdkKey::new(&sdk_key).and_then(|sdk_key| self.integration.set_sdk_key(sdk_key)).or_throw()
    }

    /// Turns the integration on or off.
    #[napi]
    pub fn set_on(&self, on: bool) -> Result<()> {
        self.integration.set_on(on).or_throw()
    }

    /// Changes the display name.
    #[napi]
    pub fn set_name(&self, name: String) -> Result<()> {
        self.integration.set_name(&name).or_throw()
    }

    /// Changes the store that patches are written to.
    #[napi]
    pub fn set_store(&self, store: &External<StoreConfig>) -> Result<()> {
        self.integration.set_store(StoreConfig::clone(store)).or_throw()
    }

    /// Stops the integration; resolves when it no longer writes to the store.
    #[napi]
    pub fn close(&self) -> AsyncTask<Closing> {
        AsyncTask::new(Closing(self.integration.clone()))
    }
}

impl Drop for NativeIntegration {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Waits until an integration has stopped, on a thread of Node's pool.
pub struct Closing(Arc<Integration>);

impl Task for Closing {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        self.0.close().wait();
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
    /// When the state last changed.
    pub since: i64,
    /// When the store was last marked as synchronised.
    pub last_synchronized: Option<i64>,
    /// The current error.
    pub error: Option<NativeSyncFailure>,
    /// When the newest error occurred.
    pub last_error: Option<i64>,
    /// The progress of the initial load: patches, operations, operations per second.
    pub progress: Vec<i64>,
    /// Patches, operations, repeated, pages, streams, out of order, data losses.
    pub counters: Vec<i64>,
}

/// See the core's `SyncFailure`.
#[napi(object, object_from_js = false)]
pub struct NativeSyncFailure {
    /// The name of its kind.
    pub kind: String,
    /// The HTTP status of the upstream's response.
    pub status_code: Option<u32>,
    /// The message for a person.
    pub message: String,
    /// The time of the first occurrence.
    pub since: i64,
    /// The time of the last occurrence.
    pub timestamp: i64,
    /// The number of consecutive occurrences.
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
        let progress = status.progress;
        let counters = status.counters;
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
