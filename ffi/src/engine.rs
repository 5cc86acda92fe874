//! Engines
//!
//! An engine answers "which segments is this context in?" from its cache, or else from the store. One engine serves a
//! whole process; every call on it may be made from any thread.

use std::mem::ManuallyDrop;

use bigseg_core::runtime::ForkGeneration;
use bigseg_core::{Engine, Result};

use crate::code::bigseg_code;
use crate::config::bigseg_config;
use crate::context_hash::{bigseg_context_hash, hash_of_key};
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, non_null};
use crate::text::bigseg_str;

/// An open engine.
pub struct bigseg_engine {
    engine: ManuallyDrop<Engine>,
    stamp: ForkGeneration,
}

impl bigseg_engine {
    /// Returns the engine; after `fork` it must not even be looked at, since a lock may be held for ever.
    pub(crate) fn get(engine: Option<&Self>) -> Result<&Engine> {
        let engine = non_null(engine, "engine")?;
        engine.stamp.check()?;
        Ok(&engine.engine)
    }
}

impl Drop for bigseg_engine {
    fn drop(&mut self) {
        if self.stamp.is_stale() {
            // Its threads live in the parent, and so do the owners of what callbacks point to.
            return;
        }
        self.engine.close().wait();
        // SAFETY: this is the end of the only owner.
        unsafe { ManuallyDrop::drop(&mut self.engine) };
    }
}

/// Opens an engine with what the config says, and empties the config; on failure the config is as it was.
///
/// Does not wait for the store: one that cannot be reached shows in the status. A memory or embedded store is read once
/// before this returns, others in the background.
///
/// Errors: the mistakes kept by the config's setters; `BIGSEG_ALREADY_USED` when the config opened an engine before;
/// `BIGSEG_INTERNAL` when the machine refuses more threads.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_open(
    config: Option<&mut bigseg_config>,
    engine: Option<&mut *mut bigseg_engine>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let config = non_null(config, "config")?;
        let place = non_null(engine, "engine")?;
        let engine = ManuallyDrop::new(Engine::open(config.engine_config()?)?);
        config.consume();
        *place = Box::into_raw(Box::new(bigseg_engine { engine, stamp: ForkGeneration::current() }));
        Ok(())
    })
}

/// Removes a context from the cache, by its key. A query that is in flight does not bring it back.
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
        engine.invalidate(&hash_of_key(context_key)?);
        Ok(())
    })
}

/// Removes a context from the cache, by its hash. A query that is in flight does not bring it back.
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
        engine.invalidate(non_null(hash, "hash")?.parse()?)?;
        Ok(())
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

/// Stops the engine while others may still use it: lookups under way end, later ones fail with `BIGSEG_CLOSED`, and
/// completions still to come report that. Closing twice is fine.
///
/// Blocks until no callback runs any more, except from inside one, and for 5 seconds at most.
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

/// Closes an engine and frees it; no other call on it may be under way. Blocks as `bigseg_engine_close` does. After
/// that no callback of the engine runs, and every `userdata` was destroyed.
///
/// In a forked child it releases nothing and destroys nothing.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_free(engine: Option<Box<bigseg_engine>>) {
    guard_value((), || drop(engine));
}
