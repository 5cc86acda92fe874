//! The server under measurement, and engines that read from it.

use std::time::Duration;

use bigseg::engine::PushInvalidation;
use bigseg::testkit::{RedisServer, Reply};
use bigseg::{Engine, EngineConfig, StoreConfig};

use crate::population::fill;

/// The number of contexts on the server.
pub(crate) const CONTEXTS: usize = 100_000;

/// Starts a server that holds the population.
pub(crate) fn filled() -> RedisServer {
    let server = RedisServer::start();
    fill(config(&server).writer().expect("the store opens"), CONTEXTS);
    server
}

/// Returns the configuration of the store.
pub(crate) fn config(server: &RedisServer) -> StoreConfig {
    StoreConfig::parse(&server.store("", "")).expect("a good store string")
}

/// Opens an engine without a cache, so that every lookup queries the server.
pub(crate) fn uncached(server: &RedisServer) -> Engine {
    // With a long deadline, a busy machine does not make lookups cheap by failing them.
    let engine = Engine::open(
        EngineConfig::new(&server.store("", "response_timeout=60s"))
            .expect("a good store string")
            .with_context_cache_size(0)
            .with_push_invalidation(PushInvalidation::Off)
            .with_lookup_deadline(Duration::from_secs(60)),
    );
    let engine = engine.expect("the engine opens");
    assert!(engine.refresh_status().wait().expect("usable").available);
    engine
}

/// Returns how many `SMEMBERS` commands the server has received.
pub(crate) fn smembers(server: &RedisServer) -> u64 {
    let Reply::Text(text) = server.client().run(&["INFO", "commandstats"]) else { panic!("INFO is text") };
    let calls = text.split("cmdstat_smembers:calls=").nth(1).and_then(|rest| rest.split(',').next());
    calls.map_or(0, |calls| calls.parse().expect("a number"))
}
