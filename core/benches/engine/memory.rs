//! How much memory a cached context takes.

use std::sync::Arc;
use std::time::Duration;

use bigseg::engine::Source;
use bigseg::store::StoreConfig;
use bigseg::store::local::{LocalConfig, LocalWriter};
use bigseg::{Engine, EngineConfig};

use crate::population::{fill, hash};

const CACHED: usize = 100_000;

/// Returns the memory this process has to itself, in bytes (the embedded store's pages are shared).
fn private_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux 4.5 or newer");
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("a number")
        * 1024
}

/// Fills a cache from an embedded store and looks how the process has grown.
pub(crate) fn run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = LocalConfig::new(directory.path().join("population"));
    fill(Arc::new(LocalWriter::open(&config).expect("the store opens")), CACHED);
    let hashes: Vec<_> = (0..CACHED).map(hash).collect();
    let engine = Engine::open(
        EngineConfig::default()
            .with_source(Source::Store(StoreConfig::Local(config)))
            .with_context_cache_size(CACHED)
            .with_context_cache_time(Duration::from_secs(3600)),
    )
    .expect("the engine opens");
    let before = private_memory();
    for hash in hashes {
        engine.membership(hash).wait().expect("usable");
    }
    let bytes = (private_memory() - before) as f64 / CACHED as f64;
    assert_eq!(engine.metrics().cached_contexts, CACHED as u64);
    println!("| memory a cached context takes, among {CACHED} | | {bytes:.0} bytes | |");
}
