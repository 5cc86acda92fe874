//! A cached answer, beside one SHA-256 of the key and one get of a plain concurrent map.

use std::time::Duration;

use bigseg::context_key::BuildPrefixHasher;
use bigseg::engine::Source;
use bigseg::store::memory::MemoryStore;
use bigseg::{ContextHash, ContextKey, Engine, EngineConfig};
use dashmap::DashMap;

type PlainMap = DashMap<ContextHash, u64, BuildPrefixHasher>;

use crate::population::{fill, hash, key, scatter};
use crate::rounds::{compare, compare_threads};

const CALLS: usize = 200_000;

/// An engine whose cache holds the first `count` contexts, and a map that does.
fn warm(count: usize) -> (Engine, PlainMap, Vec<String>) {
    let store = MemoryStore::default();
    fill(std::sync::Arc::new(store.clone()), count);
    let engine = Engine::open(
        EngineConfig::default()
            .with_source(Source::Custom(std::sync::Arc::new(store)))
            .with_context_cache_size(count)
            .with_context_cache_time(Duration::from_secs(3600)),
    )
    .expect("a memory store opens");
    let map = PlainMap::default();
    let keys: Vec<String> = (0..count).map(key).collect();
    for (context, key) in keys.iter().enumerate() {
        engine.membership(key).wait().expect("a good key");
        map.insert(hash(context), context as u64);
    }
    (engine, map, keys)
}

fn floor(map: &PlainMap, key: &str) -> Option<u64> {
    map.get(&ContextKey::new(key).expect("not empty").hash()).map(|value| *value)
}

/// Compares for one hot key and for random keys, among 1,000 and among 100,000.
pub(crate) fn run() {
    for count in [1_000, 100_000] {
        let (engine, map, keys) = warm(count);
        let hot = &keys[count / 2];
        compare(
            &format!("cached, one hot key among {count}"),
            CALLS,
            |_| floor(&map, hot),
            |_| engine.membership(hot).cached().expect("usable").expect("cached"),
        );
        compare(
            &format!("cached, random keys among {count}"),
            CALLS,
            |i| floor(&map, &keys[scatter(i, count)]),
            |i| engine.membership(&keys[scatter(i, count)]).cached().expect("usable").expect("cached"),
        );
    }
}

/// Compares the throughput of two threads with that of one.
pub(crate) fn run_threads() {
    let (engine, _, keys) = warm(1_000);
    let look = |key: &String| engine.membership(key).cached().expect("usable").expect("cached");
    compare_threads("SHA-256 alone", CALLS, |i| {
        std::hint::black_box(ContextKey::new(&keys[i % 1000]).expect("not empty").hash());
    });
    compare_threads("cached, both on one hot key", CALLS, |_| drop(look(&keys[500])));
    compare_threads("cached, random keys among 1000", CALLS, |i| drop(look(&keys[scatter(i, 1000)])));
    let (engine, _, keys) = warm(100_000);
    let look = |key: &String| engine.membership(key).cached().expect("usable").expect("cached");
    compare_threads("cached, random keys among 100000", CALLS, |i| drop(look(&keys[scatter(i, 100_000)])));
}
