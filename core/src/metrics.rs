//! Counters, cheap enough for every lookup, and the snapshot that leaves the engine.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const STRIPES: usize = 16;

/// A counter that threads do not fight over: each adds to its own stripe.
#[derive(Default)]
pub struct Counter([Stripe; STRIPES]);

#[derive(Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

thread_local! {
    static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    match STRIPE.get() {
        usize::MAX => {
            let stripe = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
            STRIPE.set(stripe);
            stripe
        }
        stripe => stripe,
    }
}

impl Counter {
    /// Adds to the counter.
    pub fn add(&self, amount: u64) {
        self.0[stripe()].0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Returns the sum.
    pub fn get(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// The engine's counters.
        #[derive(Default)]
        pub struct Counters { $($(#[doc = $doc])+ pub $name: Counter,)+ }

        /// What an engine has done since it was opened, and what it holds. Counters only grow.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Metrics {
            $($(#[doc = $doc])+ pub $name: u64,)+
            /// Contexts evicted from the cache to make room.
            pub cache_evictions: u64,
            /// Contexts in the cache now.
            pub cached_contexts: u64,
            /// Whether the circuit breaker is open now (0 or 1).
            pub circuit_open: u64,
        }

        impl Counters {
            /// Reads every counter; what the counters do not cover is left at 0.
            pub fn snapshot(&self) -> Metrics {
                Metrics { $($name: self.$name.get(),)+ ..Metrics::default() }
            }
        }

        impl Metrics {
            /// Returns each figure with its name, in a fixed order.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![
                    $((stringify!($name), self.$name),)+
                    ("cache_evictions", self.cache_evictions),
                    ("cached_contexts", self.cached_contexts),
                    ("circuit_open", self.circuit_open),
                ]
            }
        }
    };
}

counters! {
    /// Lookups answered from the cache.
    cache_hits,
    /// Lookups the cache could not answer.
    cache_misses,
    /// Misses that joined a query already under way for the same context.
    coalesced_lookups,
    /// Queries sent to the store.
    store_queries,
    /// Contexts asked for in those queries.
    store_contexts,
    /// Queries that failed.
    store_errors,
    /// Lookups answered with a last known membership because the store failed.
    last_known_answers,
    /// Lookups answered with nothing because the store failed.
    failed_lookups,
    /// Times the circuit breaker opened.
    circuit_openings,
    /// Polls of the store's metadata.
    status_polls,
    /// Polls that failed.
    status_poll_errors,
    /// Contexts that the store said have changed.
    pushed_invalidations,
    /// Queries and polls that failed because too much was asked of the store in too little time.
    store_throttles,
}
