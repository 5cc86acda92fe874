//! Engines
//!
//! An engine answers in which segments a context is, from its cache or from its store. A process
//! usually needs one engine. All calls on it are thread-safe.

use std::mem::ManuallyDrop;

use bigseg::__internal::runtime::ForkGeneration;
use bigseg::{Engine, Result};

use crate::code::bigseg_code;
use crate::config::bigseg_config;
use crate::context_hash::{bigseg_context_hash, hash_of_key};
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::text::bigseg_str;

/// An open engine.
pub struct bigseg_engine {
    engine: ManuallyDrop<Engine>,
    fork_generation: ForkGeneration,
}

impl bigseg_engine {
    /// Returns the engine, unless this process is a fork: there, a lock may never be released.
    pub(crate) fn get(engine: Option<&Self>) -> Result<&Engine> {
        let engine = non_null(engine, "engine")?;
        engine.fork_generation.check()?;
        Ok(&engine.engine)
    }
}

impl Drop for bigseg_engine {
    fn drop(&mut self) {
        if self.fork_generation.is_stale() {
            // Its threads run in the parent, which also owns what `userdata` points to.
            return;
        }
        self.engine.close().wait();
        // SAFETY: the only owner is being dropped.
        unsafe { ManuallyDrop::drop(&mut self.engine) };
    }
}

/// Opens an engine with the options of a config, and empties the config. On failure the config does
/// not change. Free the engine with `bigseg_engine_free`.
///
/// Does not wait for a store outside this process: if it is not reachable, the status says so. The
/// sync time of a memory or embedded store is read before this returns.
///
/// Errors: the errors of the config's setters; `BIGSEG_ALREADY_USED` when the config was used
/// before; `BIGSEG_INTERNAL` when no thread can be created.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_open(
    config: Option<&mut bigseg_config>,
    engine: Option<&mut *mut bigseg_engine>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let config = non_null(config, "config")?;
        let output = non_null(engine, "engine")?;
        let engine = ManuallyDrop::new(Engine::open(config.engine_config()?)?);
        config.consume();
        *output =
            Box::into_raw(Box::new(bigseg_engine { engine, fork_generation: ForkGeneration::current() }));
        Ok(())
    })
}

/// Removes a context from the cache, by its key. The result of a query that is in flight is not
/// cached.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_invalidate(
    engine: Option<&bigseg_engine>,
    context_key: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        engine.invalidate(hash_of_key(context_key)?)
    })
}

/// Removes a context from the cache, by its hash. The result of a query that is in flight is not
/// cached.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_invalidate_by_hash(
    engine: Option<&bigseg_engine>,
    hash: Option<&bigseg_context_hash>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        engine.invalidate(non_null(hash, "hash")?.parse()?)
    })
}

/// Removes every context from the cache.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_invalidate_all(
    engine: Option<&bigseg_engine>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        bigseg_engine::get(engine)?.invalidate_all();
        Ok(())
    })
}

/// Stops the engine, while other threads can still use it. Running lookups end, later calls fail
/// with `BIGSEG_CLOSED`, and pending callbacks receive that code. A second close is no error.
///
/// Blocks until all callbacks have ended, up to 5 seconds. From inside a callback of the engine it
/// does not wait.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_close(
    engine: Option<&bigseg_engine>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        bigseg_engine::get(engine)?.close().wait();
        Ok(())
    })
}

/// Closes an engine and frees it. No other call on it may be running. When this returns, no
/// callback of the engine runs, and every `userdata` is destroyed.
///
/// Blocks as `bigseg_engine_close` does. In a forked child it releases nothing, and calls no
/// `destroy`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_free(engine: Option<Box<bigseg_engine>>) {
    guard_value((), || drop(engine));
}
