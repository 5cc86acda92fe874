//! Integration configuration
//!
//! Says what an integration is: where its patches come from, and which store they go to.
//!
//! As in an engine's config, a setter that fails returns the code, leaves its option as it was, and its mistake is kept:
//! `bigseg_integration_start` then fails with it, unless the same option is set properly before.

use std::collections::BTreeMap;
use std::ffi::{OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use bigseg_core::integration::{IntegrationConfig, IntegrationDefinition};
use bigseg_core::sync::{SdkKey, SyncObserver, Upstream, UpstreamProxy};
use bigseg_core::{Clock, ContextHash, Error, ErrorKind, Result, SegmentRef, StoreConfig};

use crate::clock::bigseg_clock;
use crate::code::bigseg_code;
use crate::context_hash::bigseg_context_hash;
use crate::engine::bigseg_engine;
use crate::guard::{guard, guard_value, invalid, non_null};
use crate::text::bigseg_str;
use crate::userdata::{Userdata, bigseg_destroy};

/// What an integration is to be told. Not to be used by two threads at once. It holds the SDK key, and never shows it.
pub struct bigseg_integration_config(Option<Content>);

#[derive(Default)]
struct Content {
    id: String,
    name: Option<String>,
    project: String,
    environment: String,
    off: bool,
    sdk_key: Option<SdkKey>,
    base_url: Option<String>,
    stream_url: Option<String>,
    proxy: UpstreamProxy,
    ca_file: Option<PathBuf>,
    store: Option<StoreConfig>,
    state_directory: Option<PathBuf>,
    observers: Vec<Arc<dyn SyncObserver>>,
    clock: Clock,
    /// What went wrong, by option.
    mistakes: BTreeMap<&'static str, Error>,
}

impl bigseg_integration_config {
    /// Returns what an integration is to be started with; the config stays as it is.
    pub(crate) fn integration_config(&self) -> Result<IntegrationConfig> {
        let content = self.0.as_ref().ok_or_else(already_used)?;
        if let Some((option, mistake)) = content.mistakes.first_key_value() {
            return Err(mistake.at(option));
        }
        let missing = |option: &str| {
            let message = format!("{option} is missing; set it with bigseg_integration_config_set_{option}");
            Error::new(ErrorKind::InvalidConfig, message)
        };
        let mut upstream = Upstream::new(content.sdk_key.clone().ok_or_else(|| missing("sdk_key"))?);
        upstream.base_url = content.base_url.clone().unwrap_or(upstream.base_url);
        upstream.stream_url = content.stream_url.clone().unwrap_or(upstream.stream_url);
        upstream.proxy = content.proxy.clone();
        upstream.ca_file = content.ca_file.clone();
        let store = content.store.clone().ok_or_else(|| missing("store"))?;
        let mut definition = IntegrationDefinition::new(&content.id, upstream, store);
        definition.name = content.name.clone().unwrap_or(definition.name);
        definition.project = content.project.clone();
        definition.environment = content.environment.clone();
        definition.on = !content.off;
        Ok(IntegrationConfig {
            state_directory: content.state_directory.clone(),
            observers: content.observers.clone(),
            clock: content.clock.clone(),
            ..IntegrationConfig::new(definition)
        })
    }

    /// Empties the config, after an integration was started with it.
    pub(crate) fn consume(&mut self) {
        self.0 = None;
    }
}

fn already_used() -> Error {
    let message = "this config was already used to start an integration; make a new one";
    Error::new(ErrorKind::AlreadyUsed, message)
}

/// Sets an option, or remembers why that failed.
fn set(
    config: Option<&mut bigseg_integration_config>,
    option: &'static str,
    change: impl FnOnce(&mut Content) -> Result<()>,
) -> bigseg_code {
    guard(None, || {
        let content = non_null(config, "config")?.0.as_mut().ok_or_else(already_used)?;
        let result = change(content);
        match &result {
            Ok(()) => content.mistakes.remove(option),
            Err(mistake) => content.mistakes.insert(option, mistake.clone()),
        };
        result
    })
}

/// Makes a config with every option at its default. An id, an SDK key and a store must be set; the rest may be. Free it with
/// `bigseg_integration_config_free`. Never returns NULL, except for a defect.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_new() -> *mut bigseg_integration_config {
    guard_value(std::ptr::null_mut(), || {
        Box::into_raw(Box::new(bigseg_integration_config(Some(Content::default()))))
    })
}

/// Sets what programs call it: 1 to 64 letters, digits, `-`, `_` or `.`, not beginning with a dot. It never changes.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when it is not UTF-8, here and for every other text; what makes no sense is found by
/// `bigseg_integration_start`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_id(
    config: Option<&mut bigseg_integration_config>,
    id: bigseg_str,
) -> bigseg_code {
    set(config, "id", |content| {
        content.id = id.utf8("id")?.to_owned();
        Ok(())
    })
}

/// Sets what people call it. Default: the id.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_name(
    config: Option<&mut bigseg_integration_config>,
    name: bigseg_str,
) -> bigseg_code {
    set(config, "name", |content| {
        content.name = Some(name.utf8("name")?.to_owned());
        Ok(())
    })
}

/// Sets the project and the environment at the upstream, for people; the SDK key is what chooses it. Default: both empty.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_environment(
    config: Option<&mut bigseg_integration_config>,
    project: bigseg_str,
    environment: bigseg_str,
) -> bigseg_code {
    set(config, "environment", |content| {
        let (project, environment) = (project.utf8("project")?, environment.utf8("environment")?);
        content.project = project.to_owned();
        content.environment = environment.to_owned();
        Ok(())
    })
}

/// Sets whether it is on when it starts. Default: true.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_on(
    config: Option<&mut bigseg_integration_config>,
    on: bool,
) -> bigseg_code {
    set(config, "on", |content| {
        content.off = !on;
        Ok(())
    })
}

/// Sets the environment's SDK key, a secret, which is copied and shown nowhere.
///
/// Errors: `BIGSEG_INVALID_CONFIG` when it is empty, or holds what no key holds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_sdk_key(
    config: Option<&mut bigseg_integration_config>,
    sdk_key: bigseg_str,
) -> bigseg_code {
    set(config, "sdk_key", |content| {
        content.sdk_key = Some(SdkKey::new(sdk_key.utf8("sdk_key")?)?);
        Ok(())
    })
}

/// Sets where pages are fetched. Default: `https://sdk.launchdarkly.com`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_base_url(
    config: Option<&mut bigseg_integration_config>,
    url: bigseg_str,
) -> bigseg_code {
    set(config, "base_url", |content| {
        content.base_url = Some(url.utf8("url")?.to_owned());
        Ok(())
    })
}

/// Sets where changes are streamed. Default: `https://stream.launchdarkly.com`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_stream_url(
    config: Option<&mut bigseg_integration_config>,
    url: bigseg_str,
) -> bigseg_code {
    set(config, "stream_url", |content| {
        content.stream_url = Some(url.utf8("url")?.to_owned());
        Ok(())
    })
}

/// Sets the HTTP proxy on the way to the upstream: "none", a URL that may hold a user and a password, or "environment": as
/// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, which is the default.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_proxy(
    config: Option<&mut bigseg_integration_config>,
    proxy: bigseg_str,
) -> bigseg_code {
    set(config, "proxy", |content| {
        content.proxy = UpstreamProxy::parse(proxy.utf8("proxy")?);
        Ok(())
    })
}

/// Sets a PEM file of the authorities that may vouch for the upstream. Default: those of the operating system.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_ca_file(
    config: Option<&mut bigseg_integration_config>,
    path: bigseg_str,
) -> bigseg_code {
    set(config, "ca_file", |content| {
        content.ca_file = Some(OsStr::from_bytes(path.bytes("path")?).into());
        Ok(())
    })
}

/// Names the store to be filled by a store string, prefix included. A memory store needs a name.
///
/// Errors: `BIGSEG_INVALID_CONFIG`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_store(
    config: Option<&mut bigseg_integration_config>,
    store: bigseg_str,
) -> bigseg_code {
    set(config, "store", |content| {
        content.store = Some(StoreConfig::parse(store.utf8("store")?)?);
        Ok(())
    })
}

/// Names a directory that exists, in which the error log outlives the process, in a file `ID.errors.json`. Default: none.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_state_directory(
    config: Option<&mut bigseg_integration_config>,
    path: bigseg_str,
) -> bigseg_code {
    set(config, "state_directory", |content| {
        content.state_directory = Some(OsStr::from_bytes(path.bytes("path")?).into());
        Ok(())
    })
}

/// Has an engine on the same store forget changed contexts at once. May be called for several; the engine may be freed at any
/// time.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_add_engine(
    config: Option<&mut bigseg_integration_config>,
    engine: Option<&bigseg_engine>,
) -> bigseg_code {
    set(config, "engine", |content| {
        content.observers.push(bigseg_engine::get(engine)?.sync_observer());
        Ok(())
    })
}

/// Hears which contexts may have changed in a segment, after the store has the change; a context may be named twice, and a
/// large patch comes in several calls. All is borrowed until the callback returns.
///
/// Called on a thread of the library, never twice at once for one integration, which waits until it returns.
pub type bigseg_change_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        segment_ref: bigseg_str,
        contexts: *const bigseg_context_hash,
        count: usize,
    ),
>;

/// Adds a listener that hears of every change that is written. `userdata` is destroyed when the integration, or a config that
/// started none, is freed.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the callback is NULL. `userdata` is destroyed then too.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_add_change_listener(
    config: Option<&mut bigseg_integration_config>,
    callback: bigseg_change_callback,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    set(config, "change_listener", |content| {
        let callback = callback.ok_or_else(|| invalid("callback is NULL"))?;
        content.observers.push(Arc::new(ChangeListener { callback, userdata }));
        Ok(())
    })
}

struct ChangeListener {
    callback: unsafe extern "C" fn(*mut c_void, bigseg_str, *const bigseg_context_hash, usize),
    userdata: Userdata,
}

impl SyncObserver for ChangeListener {
    fn contexts_changed(&self, segment: &SegmentRef, contexts: &[ContextHash]) {
        let hashes: Vec<bigseg_context_hash> =
            contexts.iter().copied().map(bigseg_context_hash::of).collect();
        let segment = bigseg_str::of(segment.as_str());
        // SAFETY: the host gave function and userdata together; the rest lives until the call is over.
        unsafe { (self.callback)(self.userdata.get(), segment, hashes.as_ptr(), hashes.len()) };
    }
}

/// Lets the integration read a clock that is moved by hand, instead of the machine's. The clock may be freed afterwards.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_clock(
    config: Option<&mut bigseg_integration_config>,
    clock: Option<&bigseg_clock>,
) -> bigseg_code {
    set(config, "clock", |content| {
        content.clock = Clock::Manual(non_null(clock, "clock")?.0.clone());
        Ok(())
    })
}

/// Frees a config, whether it was used or not.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_free(config: Option<Box<bigseg_integration_config>>) {
    guard_value((), || drop(config));
}
