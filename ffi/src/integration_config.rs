//! Integration configuration
//!
//! An integration config names the upstream that patches come from and the store that they go to.
//!
//! A setter that fails returns the code, and does not change its option. The config keeps the error
//! until the same option is set correctly, and `bigseg_integration_start` fails with it: a program
//! may ignore what setters return.

use std::collections::BTreeMap;
use std::ffi::{OsStr, c_void};
use std::os::unix::ffi::OsStrExt;

use bigseg::{Error, ErrorKind, Result};

use crate::callback::{Userdata, bigseg_destroy};
use crate::clock::bigseg_clock;
use crate::code::bigseg_code;
use crate::context_hash::bigseg_context_hash;
use crate::engine::bigseg_engine;
use crate::guard::{guard, guard_value, non_null};
use crate::optional::integration::{self, Settings};
use crate::text::bigseg_str;

/// The options of an integration. Two threads must not use it concurrently. It holds the SDK key,
/// which no message shows.
pub struct bigseg_integration_config(Option<Content>);

#[derive(Default)]
struct Content {
    settings: Settings,
    /// The errors of setters, by option.
    errors: BTreeMap<&'static str, Error>,
}

impl bigseg_integration_config {
    /// Returns the settings to start an integration with.
    pub(crate) fn settings(&self) -> Result<&Settings> {
        let content = self.0.as_ref().ok_or_else(already_used)?;
        match content.errors.first_key_value() {
            Some((option, error)) => Err(error.at(option)),
            None => Ok(&content.settings),
        }
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

/// Sets an option, or keeps the error.
fn set(
    config: Option<&mut bigseg_integration_config>,
    option: &'static str,
    change: impl FnOnce(&mut Settings) -> Result<()>,
) -> bigseg_code {
    guard(None, || {
        integration::require()?;
        let content = non_null(config, "config")?.0.as_mut().ok_or_else(already_used)?;
        let result = change(&mut content.settings);
        match &result {
            Ok(()) => content.errors.remove(option),
            Err(error) => content.errors.insert(option, error.clone()),
        };
        result
    })
}

/// Makes a config with every option at its default. An id, an SDK key and a store must be set. Free
/// it with `bigseg_integration_config_free`. Returns NULL only for a defect of the library.
///
/// In a library that was built without integrations, every setter and `bigseg_integration_start`
/// fail with `BIGSEG_UNSUPPORTED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_new() -> *mut bigseg_integration_config {
    guard_value(std::ptr::null_mut(), || {
        Box::into_raw(Box::new(bigseg_integration_config(Some(Content::default()))))
    })
}

/// Sets the id of the integration: 1 to 64 letters, digits, `-`, `_` or `.`, without a leading dot.
/// It cannot be changed later.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the id is not UTF-8. `bigseg_integration_start` checks
/// the rest.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_id(
    config: Option<&mut bigseg_integration_config>,
    id: bigseg_str,
) -> bigseg_code {
    set(config, "id", |settings| settings.set_id(id.utf8("id")?))
}

/// Sets the display name. Default: the id.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the name is not UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_name(
    config: Option<&mut bigseg_integration_config>,
    name: bigseg_str,
) -> bigseg_code {
    set(config, "name", |settings| settings.set_name(name.utf8("name")?))
}

/// Sets the project and the environment for display; the SDK key decides which environment is
/// synchronised. Default: both empty.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when a text is not UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_environment(
    config: Option<&mut bigseg_integration_config>,
    project: bigseg_str,
    environment: bigseg_str,
) -> bigseg_code {
    set(config, "environment", |settings| {
        settings.set_environment(project.utf8("project")?, environment.utf8("environment")?)
    })
}

/// Sets whether the integration is on when it starts. Default: true.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_on(
    config: Option<&mut bigseg_integration_config>,
    on: bool,
) -> bigseg_code {
    set(config, "on", |settings| settings.set_on(on))
}

/// Sets the SDK key of the environment. It is a secret: the library copies it, and shows it
/// nowhere.
///
/// Errors: `BIGSEG_INVALID_CONFIG` when the key is empty, or has characters that no key has.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_sdk_key(
    config: Option<&mut bigseg_integration_config>,
    sdk_key: bigseg_str,
) -> bigseg_code {
    set(config, "sdk_key", |settings| settings.set_sdk_key(sdk_key.utf8("sdk_key")?))
}

/// Sets the base URL of polls. Default: `https://sdk.launchdarkly.com`.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the URL is not UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_base_url(
    config: Option<&mut bigseg_integration_config>,
    url: bigseg_str,
) -> bigseg_code {
    set(config, "base_url", |settings| settings.set_base_url(url.utf8("url")?))
}

/// Sets the base URL of streams. Default: `https://stream.launchdarkly.com`.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the URL is not UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_stream_url(
    config: Option<&mut bigseg_integration_config>,
    url: bigseg_str,
) -> bigseg_code {
    set(config, "stream_url", |settings| settings.set_stream_url(url.utf8("url")?))
}

/// Sets the HTTP proxy for the upstream: "none", a URL that may contain a user and a password, or
/// "environment". The default, "environment", follows the variables `HTTPS_PROXY`, `HTTP_PROXY`,
/// `ALL_PROXY` and `NO_PROXY`.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the text is not UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_proxy(
    config: Option<&mut bigseg_integration_config>,
    proxy: bigseg_str,
) -> bigseg_code {
    set(config, "proxy", |settings| settings.set_proxy(proxy.utf8("proxy")?))
}

/// Sets a PEM file with the certificate authorities that are trusted for the upstream. Default:
/// those of the operating system.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_ca_file(
    config: Option<&mut bigseg_integration_config>,
    path: bigseg_str,
) -> bigseg_code {
    set(config, "ca_file", |settings| settings.set_ca_file(OsStr::from_bytes(path.bytes("path")?)))
}

/// Sets the store to fill, by a store string; `bigseg_config_set_store` lists the forms. A memory
/// store needs a name.
///
/// Errors: `BIGSEG_INVALID_CONFIG`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_store(
    config: Option<&mut bigseg_integration_config>,
    store: bigseg_str,
) -> bigseg_code {
    set(config, "store", |settings| settings.set_store(store.utf8("store")?))
}

/// Sets an existing directory for the error log, so that it outlives the process. The file is
/// `ID.errors.json`. Default: none.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_state_directory(
    config: Option<&mut bigseg_integration_config>,
    path: bigseg_str,
) -> bigseg_code {
    set(config, "state_directory", |settings| {
        settings.set_state_directory(OsStr::from_bytes(path.bytes("path")?))
    })
}

/// Invalidates changed contexts in an engine that reads the same store, as soon as the store has
/// the change. It can be called for several engines. An engine can be freed at any time.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_add_engine(
    config: Option<&mut bigseg_integration_config>,
    engine: Option<&bigseg_engine>,
) -> bigseg_code {
    set(config, "engine", |settings| settings.add_engine(bigseg_engine::get(engine)?))
}

/// Called with contexts that may have changed in a segment, after the store has the change. The
/// same context can occur twice, and a large patch comes in several calls. All arguments are
/// borrowed until the callback returns.
///
/// It runs on a thread of the library, and never concurrently for the same integration, which waits
/// until it returns.
pub type bigseg_change_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        segment_ref: bigseg_str,
        contexts: *const bigseg_context_hash,
        count: usize,
    ),
>;

/// Adds a listener for every change that is written to the store. `userdata` is destroyed when the
/// integration is freed, or a config that started no integration.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the callback is NULL. If this call fails, `userdata` is
/// destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_add_change_listener(
    config: Option<&mut bigseg_integration_config>,
    callback: bigseg_change_callback,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    set(config, "change_listener", |settings| {
        let callback = non_null(callback, "callback")?;
        settings.add_change_listener(move |segment, contexts| {
            let segment = bigseg_str::of(segment.as_str());
            let hashes: Vec<_> = contexts.iter().copied().map(bigseg_context_hash::of).collect();
            // SAFETY: the host passed function and userdata together; the arguments live until the
            // call returns.
            unsafe { callback(userdata.get(), segment, hashes.as_ptr(), hashes.len()) };
        })
    })
}

/// Sets a clock that is moved by the program, in place of the clock of the machine. The clock can
/// be freed afterwards.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_set_clock(
    config: Option<&mut bigseg_integration_config>,
    clock: Option<&bigseg_clock>,
) -> bigseg_code {
    set(config, "clock", |settings| settings.set_clock(&non_null(clock, "clock")?.0))
}

/// Frees an integration config.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_config_free(config: Option<Box<bigseg_integration_config>>) {
    guard_value((), || drop(config));
}
