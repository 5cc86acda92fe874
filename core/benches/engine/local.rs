//! A lookup in the embedded store, beside the storage library's own get and the hash of the key.

use std::sync::Arc;

use bigseg_core::engine::Source;
use bigseg_core::store::StoreConfig;
use bigseg_core::store::local::{LocalConfig, LocalWriter};
use bigseg_core::{ContextKey, Engine, EngineConfig};
use heed::types::Bytes;

use crate::population::{fill, key, scatter};
use crate::rounds::{compare, compare_threads};

const CONTEXTS: usize = 1_000_000;
const CALLS: usize = 40_000;
const BATCH: usize = 64;

/// Compares a lookup of a random key with the cache off, and a batch of 64.
pub(crate) fn run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = LocalConfig::new(directory.path().join("population"));
    fill(Arc::new(LocalWriter::open(&config).expect("the store opens")), CONTEXTS);
    let bytes = std::fs::metadata(&config.path).expect("the file is there").len();
    println!("| embedded store, bytes a context on disk | | {:.1} | |", bytes as f64 / CONTEXTS as f64);
    // The floor reads a copy, because a file can be opened only once in a process.
    let copy = directory.path().join("copy");
    std::fs::copy(&config.path, &copy).expect("room for a copy");
    let mut options = heed::EnvOpenOptions::new();
    options.map_size(16 << 30).max_dbs(4);
    // SAFETY: nothing else uses the copy.
    let env =
        unsafe { options.flags(heed::EnvFlags::NO_SUB_DIR | heed::EnvFlags::NO_READ_AHEAD).open(&copy) }
            .expect("it opens");
    let txn = env.read_txn().expect("a transaction");
    let table: heed::Database<Bytes, Bytes> =
        env.open_database(&txn, Some("memberships")).expect("it opens").expect("it is there");
    txn.commit().expect("it commits");

    let engine = Engine::open(EngineConfig {
        source: Source::Store(StoreConfig::Local(config)),
        context_cache_size: 0,
        ..EngineConfig::default()
    })
    .expect("the engine opens");
    let keys: Vec<String> = (0..CONTEXTS).map(key).collect();
    let bare = |key: &String| {
        let hash = ContextKey::new(key).expect("not empty").hash();
        let txn = env.read_txn().expect("a transaction");
        table.get(&txn, hash.as_bytes()).expect("it reads").map(<[u8]>::len)
    };
    compare(
        "embedded store, 1M contexts, random key, cache off",
        CALLS,
        |i| bare(&keys[scatter(i, CONTEXTS)]),
        |i| engine.blocking().membership(&keys[scatter(i, CONTEXTS)]).expect("usable"),
    );
    compare_threads("embedded store, random keys", CALLS, |i| {
        drop(engine.blocking().membership(&keys[scatter(i, CONTEXTS)]).expect("usable"));
    });
    compare(
        "bare storage library, 64 in one transaction (floor: 64 in 64)",
        CALLS / BATCH,
        |i| (0..BATCH).filter_map(|n| bare(&keys[scatter(i * BATCH + n, CONTEXTS)])).sum::<usize>(),
        |i| {
            let txn = env.read_txn().expect("a transaction");
            let get = |n| {
                let hash =
                    ContextKey::new(&keys[scatter(i * BATCH + n, CONTEXTS)]).expect("not empty").hash();
                table.get(&txn, hash.as_bytes()).expect("it reads").map(<[u8]>::len)
            };
            (0..BATCH).filter_map(get).sum::<usize>()
        },
    );
    compare(
        "embedded store, a batch of 64 (floor: 64 single lookups)",
        CALLS / BATCH,
        |i| {
            (0..BATCH)
                .filter(|n| engine.blocking().membership(&keys[scatter(i * BATCH + n, CONTEXTS)]).is_ok())
                .count()
        },
        |i| {
            let batch: Vec<&str> =
                (0..BATCH).map(|n| keys[scatter(i * BATCH + n, CONTEXTS)].as_str()).collect();
            engine.blocking().memberships(&batch).expect("usable")
        },
    );
}
