//! A lookup in the embedded store, beside the storage library's own get and the hash of the key.

use std::sync::Arc;

use bigseg::engine::Source;
use bigseg::store::StoreConfig;
use bigseg::store::local::{LocalConfig, LocalWriter};
use bigseg::{ContextHash, ContextKey, Engine, EngineConfig};
use heed::types::Bytes;

use crate::population::{fill, scatter, write_key};
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

    let engine = Engine::open(
        EngineConfig::default()
            .with_source(Source::Store(StoreConfig::Local(config)))
            .with_context_cache_size(0),
    )
    .expect("the engine opens");
    let bare = |i: usize| {
        let hash = random_hash(i);
        let txn = env.read_txn().expect("a transaction");
        table.get(&txn, hash.as_bytes()).expect("it reads").map(<[u8]>::len)
    };
    let look_up = |i: usize| engine.membership(random_key(i, &mut [0; 17])).wait().expect("usable");
    compare("embedded store, 1M contexts, random key, cache off", CALLS, bare, look_up);
    compare_threads("embedded store, random keys", CALLS, |i| {
        drop(look_up(i));
    });
    compare(
        "bare storage library, 64 in one transaction (floor: 64 in 64)",
        CALLS / BATCH,
        |i| (0..BATCH).filter_map(|n| bare(i * BATCH + n)).sum::<usize>(),
        |i| {
            let txn = env.read_txn().expect("a transaction");
            let get = |n| {
                table.get(&txn, random_hash(i * BATCH + n).as_bytes()).expect("it reads").map(<[u8]>::len)
            };
            (0..BATCH).filter_map(get).sum::<usize>()
        },
    );
    compare(
        "embedded store, a batch of 64 (floor: 64 single lookups)",
        CALLS / BATCH,
        |i| (0..BATCH).filter(|n| look_up(i * BATCH + n).error.is_none()).count(),
        |i| {
            let mut buffers = [[0; 17]; BATCH];
            let mut keys = [""; BATCH];
            for (n, (key, buffer)) in keys.iter_mut().zip(&mut buffers).enumerate() {
                *key = random_key(i * BATCH + n, buffer);
            }
            engine.memberships(&keys).wait().expect("usable")
        },
    );
}

fn random_key(i: usize, buffer: &mut [u8; 17]) -> &str {
    write_key(scatter(i, CONTEXTS), buffer)
}

fn random_hash(i: usize) -> ContextHash {
    ContextKey::new(random_key(i, &mut [0; 17])).expect("not empty").hash()
}
