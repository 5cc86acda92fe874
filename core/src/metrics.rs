//! The counters of an engine, and their snapshot.
//!
//! The comments on the counters are the only source of their documentation: `xtask generate` writes
//! them into the bindings, the C header and `docs/options.md`.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const STRIPES: usize = 16;

/// A counter without contention: each thread adds to its own stripe.
#[doc(hidden)]
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
        #[doc(hidden)]
        #[derive(Default)]
        pub struct Counters { $($(#[doc = $doc])+ pub $name: Counter,)+ }

        /// A snapshot of an engine's counters since it was opened. Counters never decrease.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics {
            $($(#[doc = $doc])+ pub $name: u64,)+
            /// Contexts evicted from the cache because it was full.
            pub cache_evictions: u64,
            /// Contexts in the cache at present.
            pub cached_contexts: u64,
            /// Whether the circuit breaker is open (0 or 1).
            pub circuit_open: u64,
        }

        impl Counters {
            /// Reads every counter; the fields that are not counters are 0.
            pub fn snapshot(&self) -> Metrics {
                Metrics { $($name: self.$name.get(),)+ ..Metrics::default() }
            }
        }

        impl Metrics {
            /// Returns each value with its name, in a fixed order.
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
    /// Lookups that the cache could not answer.
    cache_misses,
    /// Misses that joined an in-flight query of the same context.
    coalesced_lookups,
    /// Queries sent to the store.
    store_queries,
    /// Contexts in those queries.
    store_contexts,
    /// Queries that failed.
    store_errors,
    /// Lookups answered with the last known membership because the store failed.
    last_known_answers,
    /// Lookups without an answer because the store failed.
    failed_lookups,
    /// Times the circuit breaker opened.
    circuit_openings,
    /// Polls of the store's sync time.
    status_polls,
    /// Polls that failed.
    status_poll_errors,
    /// Contexts invalidated by a push of the store.
    pushed_invalidations,
    /// Queries and polls that the store rejected because of its rate limit.
    store_throttles,
}
