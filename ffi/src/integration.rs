//! Integrations
//!
//! An integration keeps a store in step with its upstream: it fetches what the store does not have yet, follows the changes
//! as they happen, and tells its state. It never gives up, whatever fails. Every call on it may be made from any thread.

use std::mem::ManuallyDrop;

use bigseg_core::Result;
use bigseg_core::StoreConfig;
use bigseg_core::integration::Integration;
use bigseg_core::runtime::ForkGeneration;
use bigseg_core::sync::SdkKey;

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::integration_config::bigseg_integration_config;
use crate::text::bigseg_str;

/// A running integration.
pub struct bigseg_integration {
    integration: ManuallyDrop<Integration>,
    stamp: ForkGeneration,
}

impl bigseg_integration {
    /// Returns the integration; after `fork` it must not even be looked at, since a lock may be held for ever.
    pub(crate) fn get(integration: Option<&Self>) -> Result<&Integration> {
        let integration = non_null(integration, "integration")?;
        integration.stamp.check()?;
        Ok(&integration.integration)
    }
}

impl Drop for bigseg_integration {
    fn drop(&mut self) {
        if self.stamp.is_stale() {
            // Its threads live in the parent, and so do the owners of what callbacks point to.
            return;
        }
        self.integration.close_blocking();
        // SAFETY: this is the end of the only owner.
        unsafe { ManuallyDrop::drop(&mut self.integration) };
    }
}

/// Starts an integration with what the config says, and empties the config; on failure the config is as it was. It waits for
/// neither the upstream nor the store.
///
/// Errors: the mistakes kept by the config's setters; `BIGSEG_INVALID_CONFIG` when something is missing or makes no sense;
/// `BIGSEG_ALREADY_USED` when the config started an integration before; `BIGSEG_INTERNAL` when the machine refuses more
/// threads.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_start(
    config: Option<&mut bigseg_integration_config>,
    integration: Option<&mut *mut bigseg_integration>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let config = non_null(config, "config")?;
        let place = non_null(integration, "integration")?;
        let integration = ManuallyDrop::new(Integration::start(config.integration_config()?)?);
        config.consume();
        *place =
            Box::into_raw(Box::new(bigseg_integration { integration, stamp: ForkGeneration::current() }));
        Ok(())
    })
}

/// Replaces the SDK key from now on, without a restart. Does not wait for the upstream.
///
/// Errors: `BIGSEG_INVALID_CONFIG`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_set_sdk_key(
    integration: Option<&bigseg_integration>,
    sdk_key: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || bigseg_integration::get(integration)?.set_sdk_key(SdkKey::new(sdk_key.utf8("sdk_key")?)?))
}

/// Turns it on or off. Does not wait: one that is turned off finishes the transaction under way, and its state says when.
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

/// Changes what people call it.
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

/// Changes where patches go, by a store string. Does not wait. What the former store holds stays there.
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

/// Stops the integration while others may still look at it: the transaction under way is finished, and the store is touched
/// no more. Closing twice is fine.
///
/// Blocks until nothing of it runs any more, callbacks included, except from inside one, and for 20 seconds at most.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_close(
    integration: Option<&bigseg_integration>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        bigseg_integration::get(integration)?.close_blocking();
        Ok(())
    })
}

/// Closes an integration and frees it; no other call on it may be under way. Blocks as `bigseg_integration_close` does. After
/// that no callback of the integration runs, and every `userdata` was destroyed.
///
/// In a forked child it releases nothing and destroys nothing.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_integration_free(integration: Option<Box<bigseg_integration>>) {
    guard_value((), || drop(integration));
}
