//! Metrics
//!
//! The counters and gauges of an engine since it was opened.

use crate::code::bigseg_code;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::guard;
use crate::sized::{SizedStruct, size_of_struct, write_struct};

/// The metrics of an engine. Counters only increase.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_metrics {
    /// `sizeof(bigseg_metrics)`, set by the caller.
    pub struct_size: usize,
    /// Lookups answered from the cache.
    pub cache_hits: u64,
    /// Lookups that the cache could not answer.
    pub cache_misses: u64,
    /// Misses that joined an in-flight query of the same context.
    pub coalesced_lookups: u64,
    /// Queries sent to the store.
    pub store_queries: u64,
    /// Contexts in those queries.
    pub store_contexts: u64,
    /// Queries that failed.
    pub store_errors: u64,
    /// Lookups answered with the last known membership because the store failed.
    pub last_known_answers: u64,
    /// Lookups without an answer because the store failed.
    pub failed_lookups: u64,
    /// Times the circuit breaker opened.
    pub circuit_openings: u64,
    /// Polls of the store's sync time.
    pub status_polls: u64,
    /// Polls that failed.
    pub status_poll_errors: u64,
    /// Contexts evicted from the cache because it was full.
    pub cache_evictions: u64,
    /// Contexts in the cache at present.
    pub cached_contexts: u64,
    /// Whether the circuit breaker is open (0 or 1).
    pub circuit_open: u64,
    /// Contexts invalidated by a push of the store.
    pub pushed_invalidations: u64,
    /// Queries and polls that the store rejected because of its rate limit.
    pub store_throttles: u64,
}

// SAFETY: plain numbers.
unsafe impl SizedStruct for bigseg_metrics {
    const FIRST_SIZE: usize = size_of::<usize>() + 14 * size_of::<u64>();
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<bigseg_metrics>() == 136);

/// Writes the metrics of an engine to `metrics`. Set `metrics->struct_size` first. It also works on
/// a closed engine. Does not block.
///
/// Errors: `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_metrics(
    engine: Option<&bigseg_engine>,
    metrics: *mut bigseg_metrics,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let figures = bigseg_engine::get(engine)?.metrics();
        // SAFETY: the header requires a struct of at least `struct_size` bytes.
        let size = unsafe { size_of_struct(metrics, "metrics") }?;
        let figures = bigseg_metrics {
            struct_size: size,
            cache_hits: figures.cache_hits,
            cache_misses: figures.cache_misses,
            coalesced_lookups: figures.coalesced_lookups,
            store_queries: figures.store_queries,
            store_contexts: figures.store_contexts,
            store_errors: figures.store_errors,
            last_known_answers: figures.last_known_answers,
            failed_lookups: figures.failed_lookups,
            circuit_openings: figures.circuit_openings,
            status_polls: figures.status_polls,
            status_poll_errors: figures.status_poll_errors,
            cache_evictions: figures.cache_evictions,
            cached_contexts: figures.cached_contexts,
            circuit_open: figures.circuit_open,
            pushed_invalidations: figures.pushed_invalidations,
            store_throttles: figures.store_throttles,
        };
        // SAFETY: `size` is the size that the struct states.
        unsafe { write_struct(metrics, size, &figures) };
        Ok(())
    })
}
