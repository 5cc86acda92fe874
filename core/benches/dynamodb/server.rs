//! The server of all measurements, and engines that read from it.

use std::time::Duration;

use bigseg::testkit::DynamoDbServer;
use bigseg::{Engine, EngineConfig, StoreConfig};

use crate::population::fill;

/// How many contexts the server holds.
pub(crate) const CONTEXTS: usize = 2_000;

/// Starts a server that holds the population.
pub(crate) fn filled() -> DynamoDbServer {
    let server = DynamoDbServer::start();
    fill(config(&server).writer().expect("the store opens"), CONTEXTS);
    server
}

/// Names the store; a busy machine must not make anything cheap by failing it.
pub(crate) fn config(server: &DynamoDbServer) -> StoreConfig {
    StoreConfig::parse(&store(server)).expect("a good store string")
}

fn store(server: &DynamoDbServer) -> String {
    server.store("response_timeout=60s")
}

/// Opens an engine without a cache, so that every lookup reaches the server.
pub(crate) fn uncached(server: &DynamoDbServer) -> Engine {
    let engine = Engine::open(
        EngineConfig::new(&store(server))
            .expect("a good store string")
            .with_context_cache_size(0)
            .with_status_poll_interval(Duration::from_secs(3600))
            .with_lookup_deadline(Duration::from_secs(60)),
    );
    let engine = engine.expect("the engine opens");
    assert!(engine.refresh_status().wait().expect("usable").available);
    engine
}
