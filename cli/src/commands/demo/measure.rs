//! Measures the time of the engine's answers.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Duration;

use bigseg::engine::Source;
use bigseg::{Clock, ContextHash, ContextKey, Engine, EngineConfig, StoreConfig};

use crate::demo_data::DemoData;
use crate::failure::Failure;
use crate::table::{Cell, Table};

const HOT_CONTEXTS: u64 = 500;
const CACHED_LOOKUPS: u64 = 500_000;
const STORE_LOOKUPS: u64 = 50_000;
const BATCH: u64 = 128;

/// Average time of a lookup of one context, by kind of lookup.
pub(super) struct Timings {
    cached_by_key: Duration,
    cached_by_hash: Duration,
    from_store: Duration,
    batched: Duration,
}

/// Measures lookups of contexts spread over the whole data.
pub(super) fn measure(store: &StoreConfig, demo_data: DemoData) -> Result<Timings, Failure> {
    // A prime stride defeats the prefetching of the machine's caches.
    let key = |n: u64| DemoData::key(n.wrapping_mul(7_368_787) % demo_data.contexts);
    let hash = |n: u64| ContextKey::new(&key(n)).map(ContextKey::hash);
    let hot_keys: Vec<String> = (0..HOT_CONTEXTS).map(key).collect();
    let hot_hashes: Vec<ContextHash> = (0..HOT_CONTEXTS).map(hash).collect::<Result<_, _>>()?;
    let cold_hashes: Vec<ContextHash> = (0..STORE_LOOKUPS).map(hash).collect::<Result<_, _>>()?;

    let config = EngineConfig::default().with_source(Source::Store(store.clone()));
    let engine = Engine::open(config.clone())?;
    for key in &hot_keys {
        engine.membership(key).wait()?;
    }
    let cached_by_key = time(CACHED_LOOKUPS, |n| {
        let key = &hot_keys[(n % HOT_CONTEXTS) as usize];
        black_box(engine.membership(key).wait()?);
        Ok(())
    })?;
    let cached_by_hash = time(CACHED_LOOKUPS, |n| {
        let hash = hot_hashes[(n % HOT_CONTEXTS) as usize];
        black_box(engine.membership(hash).wait()?);
        Ok(())
    })?;

    let uncached = Engine::open(config.with_context_cache_size(0))?;
    let from_store = time(STORE_LOOKUPS, |n| {
        black_box(uncached.membership(cold_hashes[n as usize]).wait()?);
        Ok(())
    })?;
    let batched = time(STORE_LOOKUPS / BATCH, |n| {
        let first = (n * BATCH) as usize;
        black_box(uncached.memberships(&cold_hashes[first..first + BATCH as usize]).wait()?);
        Ok(())
    })?;
    Ok(Timings { cached_by_key, cached_by_hash, from_store, batched: batched / BATCH as u32 })
}

/// Returns the average time of one call.
fn time(calls: u64, mut call: impl FnMut(u64) -> Result<(), bigseg::Error>) -> Result<Duration, Failure> {
    let clock = Clock::System;
    let started = clock.now();
    for n in 0..calls {
        call(n)?;
    }
    Ok(clock.now().since(started) / calls as u32)
}

impl Timings {
    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let mut table = Table::new();
        for (kind, average) in [
            ("  cached answer, by hash", self.cached_by_hash),
            ("  cached answer, by key", self.cached_by_key),
            ("  lookup in the store", self.from_store),
            ("  lookup in the store, in batches of 128", self.batched),
        ] {
            let average = match average.as_nanos() {
                nanos @ ..1000 => format!("{nanos} ns"),
                nanos => format!("{:.1} µs", nanos as f64 / 1000.0),
            };
            table.push([Cell::text(kind), Cell::text(format!("{average} each"))]);
        }
        table.print(out)
    }
}
