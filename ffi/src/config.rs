//! Configuration
//!
//! A config has the store of an engine and its other options. Each option has a default.
//!
//! A setter that fails returns the code, and does not change its option. The config keeps the error
//! until the same option is set correctly, and `bigseg_engine_open` fails with it: a program may
//! ignore what setters return. Every setter of a time fails with `BIGSEG_INVALID_CONFIG` for more
//! than a year.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use bigseg::engine::{PushInvalidation, Source};
use bigseg::store::BlockingAdapter;
use bigseg::{Clock, EngineConfig, Error, ErrorKind, Result, StoreConfig};

use crate::callback::{Userdata, bigseg_destroy};
use crate::clock::bigseg_clock;
use crate::code::bigseg_code;
use crate::custom_store::{CustomStore, bigseg_store_vtable};
use crate::guard::{array, guard, guard_value, non_null};
use crate::text::bigseg_str;

/// The options of an engine. Two threads must not use it concurrently.
pub struct bigseg_config(Option<Content>);

#[derive(Default)]
struct Content {
    engine: EngineConfig,
    custom: Option<CustomStore>,
    store_text: String,
    /// The errors of setters, by option.
    errors: BTreeMap<&'static str, Error>,
}

impl Content {
    fn use_store(&mut self, store: StoreConfig) {
        self.store_text = store.to_string();
        self.engine.source = Source::Store(store);
        self.custom = None;
    }
}

impl bigseg_config {
    fn content(&mut self) -> Result<&mut Content> {
        self.0.as_mut().ok_or_else(already_used)
    }

    /// Returns the options to open an engine with.
    pub(crate) fn engine_config(&self) -> Result<EngineConfig> {
        let content = self.0.as_ref().ok_or_else(already_used)?;
        if let Some((option, error)) = content.errors.first_key_value() {
            return Err(error.at(option));
        }
        let mut config = content.engine.clone();
        if let Some(store) = &content.custom {
            config.source = Source::Custom(Arc::new(BlockingAdapter::new(store.clone())?));
        }
        Ok(config)
    }

    /// Empties the config, after an engine was opened with it.
    pub(crate) fn consume(&mut self) {
        self.0 = None;
    }
}

fn already_used() -> Error {
    Error::new(ErrorKind::AlreadyUsed, "this config was already used to open an engine; make a new one")
}

/// Sets an option, or keeps the error.
fn set(
    config: Option<&mut bigseg_config>,
    option: &'static str,
    change: impl FnOnce(&mut Content) -> Result<()>,
) -> bigseg_code {
    guard(None, || {
        let content = non_null(config, "config")?.content()?;
        let before = content.engine.clone();
        let result = change(content).and_then(|()| content.engine.validate());
        match &result {
            Ok(()) => content.errors.remove(option),
            Err(error) => {
                content.engine = before;
                content.errors.insert(option, error.clone())
            }
        };
        result
    })
}

/// Makes a config with every option at its default, and without a store: an engine without a store
/// answers lookups with `BIGSEG_LOOKUP_NOT_CONFIGURED`. Free it with `bigseg_config_free`. Returns
/// NULL only for a defect of the library.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_new() -> *mut bigseg_config {
    guard_value(std::ptr::null_mut(), || Box::into_raw(Box::new(bigseg_config(Some(Content::default())))))
}

/// Sets the store by a store string, and replaces a custom store. The forms of a store string:
///
/// - `memory:[NAME]`: memory of this process, shared by every user of that name; without a name,
///   private to the engine.
/// - `local:PATH[?map_size=BYTES]`: an embedded store in one file; `map_size`, such as `16G`,
///   bounds its size.
/// - `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`: one Redis server.
/// - `rediss://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`: one Redis server, over TLS.
/// - `redis+unix://[USER:PASSWORD@]/PATH`: one Redis server, through a Unix socket. Option: `db`.
/// - `redis+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…`: a Redis cluster, found through any
///   of these nodes.
/// - `rediss+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…`: a Redis cluster, over TLS.
/// - `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER[/DATABASE]`: the master that
///   sentinels report.
/// - `rediss+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER[/DATABASE]`: the same over
///   TLS, sentinels too.
/// - `dynamodb://TABLE`: a DynamoDB table. Options: `region`, `prefix`, `endpoint`, `profile`,
///   `role_arn`, `external_id`, `session_name`, `consistency` (`strong` or `eventual`),
///   `connect_timeout`, `response_timeout` and `write_units_per_second`. AWS credentials come from
///   the environment, never from the store string.
///
/// Options follow as `?NAME=VALUE&NAME=VALUE`. Every Redis form takes `prefix` or `raw_prefix`,
/// `connect_timeout` and `response_timeout`, such as `750ms`. Forms with TLS also take `ca_file`,
/// `cert_file`, `key_file` and `server_name`. Clusters and sentinels also take `read_from`
/// (`master` or `replica`); sentinels also take `sentinel_user` and `sentinel_password`. Reserved
/// characters in a user, a password or an option are written `%XX`.
///
/// Errors: `BIGSEG_INVALID_CONFIG`; `BIGSEG_UNSUPPORTED` for a store that the library was built
/// without.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_store(
    config: Option<&mut bigseg_config>,
    store: bigseg_str,
) -> bigseg_code {
    set(config, "store", |content| {
        content.use_store(StoreConfig::parse(store.utf8("store")?)?);
        Ok(())
    })
}

/// A named option of a store.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_store_option {
    /// The name, in UTF-8.
    pub name: bigseg_str,
    /// The value, in UTF-8: a flag is "true" or "false", a timeout is "500ms" or "2s".
    pub value: bigseg_str,
}

const _: () = assert!(size_of::<bigseg_store_option>() == 2 * size_of::<bigseg_str>());

/// Sets the store by a store string and by named options, which need no escaping, and replaces a
/// custom store. `bigseg_config_set_store` lists the store strings and their options. Redis stores
/// also take `username`, `password`, `database` and `tls`. An option can be set only once, by name or
/// in the string. `options` may be NULL only when `count` is 0.
///
/// Errors: `BIGSEG_INVALID_CONFIG`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_store_with_options(
    config: Option<&mut bigseg_config>,
    store: bigseg_str,
    options: *const bigseg_store_option,
    count: usize,
) -> bigseg_code {
    set(config, "store", |content| {
        // SAFETY: the header requires `count` readable options for the duration of the call.
        let options = unsafe { array(options, count, "options") }?;
        let read =
            |option: &bigseg_store_option| Ok((option.name.utf8("name")?, option.value.utf8("value")?));
        let options: Vec<(&str, &str)> = options.iter().map(read).collect::<Result<_>>()?;
        content.use_store(StoreConfig::from_parts(store.utf8("store")?, options)?);
        Ok(())
    })
}

/// Returns the store string without its secrets, borrowed from the config until that changes; empty
/// for a config without a store, with a custom store, or that was used, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_store(config: Option<&bigseg_config>) -> bigseg_str {
    guard_value(bigseg_str::of(""), || {
        let content = config.and_then(|config| config.0.as_ref());
        bigseg_str::of(content.map_or("", |content| &content.store_text))
    })
}

/// Sets a custom store, and replaces a store string. The functions of the store receive `userdata`,
/// which is destroyed when the engine is freed; for a config that opened no engine, when it is
/// freed or gets another store.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the vtable is incomplete. If this call fails, `userdata`
/// is destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_custom_store(
    config: Option<&mut bigseg_config>,
    vtable: *const bigseg_store_vtable,
    userdata: *mut c_void,
    destroy: bigseg_destroy,
) -> bigseg_code {
    let userdata = Userdata::new(userdata, destroy);
    set(config, "store", |content| {
        let store = CustomStore::new(vtable, userdata)?;
        content.store_text.clear();
        content.engine.source = Source::None;
        content.custom = Some(store);
        Ok(())
    })
}

/// Sets `context_cache_size`. Contexts that the cache holds, a hard bound; 0 disables the
/// cache. At most 2^30. Default: 1,000.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_context_cache_size(
    config: Option<&mut bigseg_config>,
    contexts: usize,
) -> bigseg_code {
    set(config, "context_cache_size", |content| {
        content.engine.context_cache_size = contexts;
        Ok(())
    })
}

/// Sets `context_cache_time`. Time for which an answer is served from the cache; 0 disables the
/// cache. Default: 5 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_context_cache_time(
    config: Option<&mut bigseg_config>,
    time_ms: u64,
) -> bigseg_code {
    set(config, "context_cache_time", |content| {
        content.engine.context_cache_time = Duration::from_millis(time_ms);
        Ok(())
    })
}

/// Sets `push_cache_time`. Time for which an answer is served from the cache while push
/// invalidation works, if that is longer than `context_cache_time`. A disabled cache stays
/// disabled. At most 10 min, in case a message is lost. Default: 60 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_push_cache_time(
    config: Option<&mut bigseg_config>,
    time_ms: u64,
) -> bigseg_code {
    set(config, "push_cache_time", |content| {
        content.engine.push_cache_time = Duration::from_millis(time_ms);
        Ok(())
    })
}

/// Disables push invalidation: cached answers expire. By default it is active if the store supports
/// and permits it; `bigseg_store_status_push_invalidation` returns whether it is.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_disable_push_invalidation(config: Option<&mut bigseg_config>) -> bigseg_code {
    set(config, "push_invalidation", |content| {
        content.engine.push_invalidation = PushInvalidation::Off;
        Ok(())
    })
}

/// Sets `status_poll_interval`. Interval between reads of the store's sync time. A shorter
/// `stale_after` shortens it. Default: 5 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_status_poll_interval(
    config: Option<&mut bigseg_config>,
    interval_ms: u64,
) -> bigseg_code {
    set(config, "status_poll_interval", |content| {
        content.engine.status_poll_interval = Duration::from_millis(interval_ms);
        Ok(())
    })
}

/// Sets `stale_after`. Age of the sync time from which answers are `STALE`;
/// `bigseg_config_disable_stale_after` disables the check. A store that was never synchronized
/// is stale in any case. Default: 120 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_stale_after(
    config: Option<&mut bigseg_config>,
    time_ms: u64,
) -> bigseg_code {
    set(config, "stale_after", |content| {
        content.engine.stale_after = Some(Duration::from_millis(time_ms));
        Ok(())
    })
}

/// Disables stale answers by age, for a store that was imported once and is not synchronised. A
/// store without a sync time is still stale.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_disable_stale_after(config: Option<&mut bigseg_config>) -> bigseg_code {
    set(config, "stale_after", |content| {
        content.engine.stale_after = None;
        Ok(())
    })
}

/// Sets `lookup_deadline`. Time after which a lookup stops waiting for the store. Default: 1 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_lookup_deadline(
    config: Option<&mut bigseg_config>,
    deadline_ms: u64,
) -> bigseg_code {
    set(config, "lookup_deadline", |content| {
        content.engine.lookup_deadline = Duration::from_millis(deadline_ms);
        Ok(())
    })
}

/// Sets `last_known_time`. Greatest age of an answer that is served, as
/// `BIGSEG_LOOKUP_STORE_ERROR`, while the store fails; 0 disables last known answers.
/// Default: 300 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_last_known_time(
    config: Option<&mut bigseg_config>,
    time_ms: u64,
) -> bigseg_code {
    set(config, "last_known_time", |content| {
        content.engine.last_known_time = Duration::from_millis(time_ms);
        Ok(())
    })
}

/// Sets `batch_size`. Contexts per query of the store, from 1 to 10,000. Default: 128.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_batch_size(
    config: Option<&mut bigseg_config>,
    contexts: usize,
) -> bigseg_code {
    set(config, "batch_size", |content| {
        content.engine.batch_size = contexts;
        Ok(())
    })
}

/// Sets `batches_at_once`. Queries of the store in flight at the same time, from 1 to 1,024.
/// Default: 4.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_batches_at_once(
    config: Option<&mut bigseg_config>,
    batches: usize,
) -> bigseg_code {
    set(config, "batches_at_once", |content| {
        content.engine.batches_at_once = batches;
        Ok(())
    })
}

/// Sets `breaker_failures`. Failed queries in a row after which the circuit breaker opens:
/// lookups then fail without waiting for the store. 0 disables the breaker. Default: 3.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_breaker_failures(
    config: Option<&mut bigseg_config>,
    failures: u32,
) -> bigseg_code {
    set(config, "breaker_failures", |content| {
        content.engine.breaker_failures = failures;
        Ok(())
    })
}

/// Sets `breaker_probe_interval`. Interval between background probes of the store while the
/// circuit breaker is open. Default: 1 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_breaker_probe_interval(
    config: Option<&mut bigseg_config>,
    interval_ms: u64,
) -> bigseg_code {
    set(config, "breaker_probe_interval", |content| {
        content.engine.breaker_probe_interval = Duration::from_millis(interval_ms);
        Ok(())
    })
}

/// Sets a clock that is moved by the program, in place of the clock of the machine. The clock can
/// be freed afterwards.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_set_clock(
    config: Option<&mut bigseg_config>,
    clock: Option<&bigseg_clock>,
) -> bigseg_code {
    set(config, "clock", |content| {
        content.engine.clock = Clock::Manual(non_null(clock, "clock")?.0.clone());
        Ok(())
    })
}

/// Frees a config.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_config_free(config: Option<Box<bigseg_config>>) {
    guard_value((), || drop(config));
}
