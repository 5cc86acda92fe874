//! Integrations
//!
//! An integration synchronises a store with its upstream: it fetches the patches that the store
//! does not have yet, follows changes as they happen, and reports its state. It retries every
//! failure. All calls on an integration are thread-safe.

use std::mem::ManuallyDrop;

use bigseg::__internal::runtime::ForkGeneration;
use bigseg::{Result, StoreConfig};

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::integration_config::bigseg_integration_config;
use crate::optional::integration::{self, Integration};
use crate::text::bigseg_str;

/// A running integration.
pub struct bigseg_integration {
    integration: ManuallyDrop<Integration>,
    fork_generation: ForkGeneration,
}

impl bigseg_integration {
    /// Returns the integration, unless this process is a fork: there, a lock may never be released.
    pub(crate) fn get(integration: Option<&Self>) -> Result<&Integration> {
        integration::require()?;
        let integration = non_null(integration, "integration")?;
        integration.fork_generation.check()?;
        Ok(&integration.integration)
    }
}

impl Drop for bigseg_integration {
    fn drop(&mut self) {
        if self.fork_generation.is_stale() {
            // Its threads run in the parent, which also owns what `userdata` points to.
            return;
        }
        self.integration.close().wait();
        // SAFETY: the only owner is being dropped.
        unsafe { ManuallyDrop::drop(&mut self.integration) };
    }
}

/// Starts an integration with the options of a config, and empties the config. On failure the
/// config does not change. Does not wait for the upstream or the store. Free the integration with
/// `bigseg_integration_free`.
///
/// Errors: the errors of the config's setters; `BIGSEG_INVALID_CONFIG` when an option is missing or
/// invalid; `BIGSEG_ALREADY_USED` when the config was used before; `BIGSEG_INTERNAL` when no thread
/// can be created; `BIGSEG_UNSUPPORTED` in a library that was built without integrations.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_start(
    config: Option<&mut bigseg_integration_config>,
    integration: Option<&mut *mut bigseg_integration>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        integration::require()?;
        let config = non_null(config, "config")?;
        let output = non_null(integration, "integration")?;
        let integration = ManuallyDrop::new(integration::start(config.settings()?)?);
        config.consume();
        *output = Box::into_raw(Box::new(bigseg_integration {
            integration,
            fork_generation: ForkGeneration::current(),
        }));
        Ok(())
    })
}

/// Replaces the SDK key, without a restart. Does not wait for the upstream.
///
/// Errors: `BIGSEG_INVALID_CONFIG`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_set_sdk_key(
    integration: Option<&bigseg_integration>,
    sdk_key: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || integration::set_sdk_key(bigseg_integration::get(integration)?, sdk_key.utf8("sdk_key")?))
}

/// Turns the integration on or off. Does not wait: after it is turned off, it completes the running
/// transaction, and then its state is `BIGSEG_INTEGRATION_OFF`.
///
/// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_set_on(
    integration: Option<&bigseg_integration>,
    on: bool,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || bigseg_integration::get(integration)?.set_on(on))
}

/// Changes the display name.
///
/// Errors: `BIGSEG_INVALID_CONFIG`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_set_name(
    integration: Option<&bigseg_integration>,
    name: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || bigseg_integration::get(integration)?.set_name(name.utf8("name")?))
}

/// Changes the store, by a store string; `bigseg_config_set_store` lists the forms. The content of
/// the previous store stays there. Does not wait.
///
/// Errors: `BIGSEG_INVALID_CONFIG`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_set_store(
    integration: Option<&bigseg_integration>,
    store: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        bigseg_integration::get(integration)?.set_store(StoreConfig::parse(store.utf8("store")?)?)
    })
}

/// Stops the integration, while other threads can still use it: it completes the running
/// transaction, and then does not write to the store any more. A second close is no error.
///
/// Blocks until all work and all callbacks have ended, up to 20 seconds. From inside a callback of
/// the integration it does not wait for callbacks.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_close(
    integration: Option<&bigseg_integration>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        bigseg_integration::get(integration)?.close().wait();
        Ok(())
    })
}

/// Closes an integration and frees it. No other call on it may be running. When this returns, no
/// callback of the integration runs, and every `userdata` is destroyed.
///
/// Blocks as `bigseg_integration_close` does. In a forked child it releases nothing, and calls no
/// `destroy`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_free(integration: Option<Box<bigseg_integration>>) {
    guard_value((), || drop(integration));
}
