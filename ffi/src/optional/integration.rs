//! Integrations.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use bigseg::StoreConfig;
use bigseg::integration::{IntegrationConfig, IntegrationDefinition};
use bigseg::sync::{SdkKey, SyncObserver, Upstream, UpstreamProxy};
use bigseg::{Clock, ContextHash, Engine, Error, ErrorKind, ManualClock, Result, SegmentRef};

pub(crate) use bigseg::integration::{Integration, IntegrationState, IntegrationStatus};
pub(crate) use bigseg::sync::SyncFailure;

/// Fails in a build without integrations.
pub(crate) fn require() -> Result<()> {
    Ok(())
}

/// Starts an integration.
pub(crate) fn start(settings: &Settings) -> Result<Integration> {
    Integration::start(settings.to_config()?)
}

pub(crate) fn set_sdk_key(integration: &Integration, sdk_key: &str) -> Result<()> {
    integration.set_sdk_key(SdkKey::new(sdk_key)?)
}

/// The options of an integration.
#[derive(Default)]
pub(crate) struct Settings {
    id: String,
    name: Option<String>,
    project: String,
    environment: String,
    is_off: bool,
    sdk_key: Option<SdkKey>,
    base_url: Option<String>,
    stream_url: Option<String>,
    proxy: UpstreamProxy,
    ca_file: Option<PathBuf>,
    store: Option<StoreConfig>,
    state_directory: Option<PathBuf>,
    observers: Vec<Arc<dyn SyncObserver>>,
    clock: Clock,
}

impl Settings {
    pub(crate) fn set_id(&mut self, id: &str) -> Result<()> {
        self.id = id.to_owned();
        Ok(())
    }

    pub(crate) fn set_name(&mut self, name: &str) -> Result<()> {
        self.name = Some(name.to_owned());
        Ok(())
    }

    pub(crate) fn set_environment(&mut self, project: &str, environment: &str) -> Result<()> {
        self.project = project.to_owned();
        self.environment = environment.to_owned();
        Ok(())
    }

    pub(crate) fn set_on(&mut self, on: bool) -> Result<()> {
        self.is_off = !on;
        Ok(())
    }

    pub(crate) fn set_sdk_key(&mut self, sdk_key: &str) -> Result<()> {
        self.sdk_key = Some(SdkKey::new(sdk_key)?);
        Ok(())
    }

    pub(crate) fn set_base_url(&mut self, url: &str) -> Result<()> {
        self.base_url = Some(url.to_owned());
        Ok(())
    }

    pub(crate) fn set_stream_url(&mut self, url: &str) -> Result<()> {
        self.stream_url = Some(url.to_owned());
        Ok(())
    }

    pub(crate) fn set_proxy(&mut self, proxy: &str) -> Result<()> {
        self.proxy = UpstreamProxy::parse(proxy);
        Ok(())
    }

    pub(crate) fn set_ca_file(&mut self, path: &OsStr) -> Result<()> {
        self.ca_file = Some(path.into());
        Ok(())
    }

    pub(crate) fn set_store(&mut self, store: &str) -> Result<()> {
        self.store = Some(StoreConfig::parse(store)?);
        Ok(())
    }

    pub(crate) fn set_state_directory(&mut self, path: &OsStr) -> Result<()> {
        self.state_directory = Some(path.into());
        Ok(())
    }

    pub(crate) fn set_clock(&mut self, clock: &ManualClock) -> Result<()> {
        self.clock = Clock::Manual(clock.clone());
        Ok(())
    }

    /// Invalidates changed contexts in an engine.
    pub(crate) fn add_engine(&mut self, engine: &Engine) -> Result<()> {
        self.observers.push(engine.sync_observer());
        Ok(())
    }

    /// Calls a function with the contexts that changed in a segment.
    pub(crate) fn add_change_listener(
        &mut self,
        listener: impl Fn(&SegmentRef, &[ContextHash]) + Send + Sync + 'static,
    ) -> Result<()> {
        self.observers.push(Arc::new(ChangeListener(listener)));
        Ok(())
    }

    fn to_config(&self) -> Result<IntegrationConfig> {
        let sdk_key = self.sdk_key.clone().ok_or_else(|| missing("sdk_key"))?;
        let store = self.store.clone().ok_or_else(|| missing("store"))?;
        let mut upstream = Upstream::new(sdk_key);
        upstream.base_url = self.base_url.clone().unwrap_or(upstream.base_url);
        upstream.stream_url = self.stream_url.clone().unwrap_or(upstream.stream_url);
        upstream.proxy = self.proxy.clone();
        upstream.ca_file = self.ca_file.clone();
        let mut definition = IntegrationDefinition::new(&self.id, upstream, store);
        definition.name = self.name.clone().unwrap_or(definition.name);
        definition.project = self.project.clone();
        definition.environment = self.environment.clone();
        definition.on = !self.is_off;
        Ok(IntegrationConfig {
            state_directory: self.state_directory.clone(),
            observers: self.observers.clone(),
            clock: self.clock.clone(),
            ..IntegrationConfig::new(definition)
        })
    }
}

fn missing(option: &str) -> Error {
    let message = format!("{option} is missing; set it with bigseg_integration_config_set_{option}");
    Error::new(ErrorKind::InvalidConfig, message)
}

struct ChangeListener<F>(F);

impl<F: Fn(&SegmentRef, &[ContextHash]) + Send + Sync + 'static> SyncObserver for ChangeListener<F> {
    fn contexts_changed(&self, segment: &SegmentRef, contexts: &[ContextHash]) {
        (self.0)(segment, contexts);
    }
}
