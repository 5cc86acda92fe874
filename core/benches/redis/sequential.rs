//! One caller: a lookup compared with a bare round trip of the same two commands.

use redis::Pipeline;

use crate::population::{hash, key, scatter};
use crate::rounds::compare;
use crate::server::{CONTEXTS, filled, uncached};
use crate::wire::{Wire, encode, lookup};

const CALLS: usize = 1000;

/// Compares a lookup with a blocking socket, and with the client library that the engine uses.
pub(crate) fn run() {
    let server = filled();
    let engine = uncached(&server);
    let mut wire = Wire::connect(server.port());
    let mut other_wire = Wire::connect(server.port());
    let ping = encode(&[&["PING"]]);
    let look_up = |i: usize| {
        let answer = engine.membership(&key(scatter(i, CONTEXTS))).wait().expect("usable");
        assert!(answer.error.is_none());
    };
    let mut bare = |i: usize| wire.exchange(&lookup(hash(scatter(i, CONTEXTS))), 2);
    compare(
        "one lookup alone (floor: the same two SMEMBERS on a blocking socket)",
        CALLS,
        &mut bare,
        look_up,
    );
    compare(
        "the same on a blocking socket (floor: PING on one)",
        CALLS,
        |_| other_wire.exchange(&ping, 1),
        &mut bare,
    );

    // The minimum for an asynchronous client: the library alone, with its connection on another
    // thread.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("threads");
    let client = redis::Client::open(server.store("", "")).expect("an address");
    let settings =
        redis::AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let connecting = client.get_multiplexed_async_connection_with_config(&settings);
    let mut connection = runtime.block_on(connecting).expect("the server is running");
    let mut asynchronous = |i: usize| {
        let hash = hash(scatter(i, CONTEXTS));
        let mut pair = Pipeline::new();
        for list in ["include", "exclude"] {
            pair.cmd("SMEMBERS").arg(format!("launchdarkly:big_segment_{list}:{hash}"));
        }
        pollster::block_on(connection.send_packed_commands(&pair, 0, 2)).expect("an answer").len()
    };
    compare(
        "one lookup alone (floor: the same two through the asynchronous client library)",
        CALLS,
        &mut asynchronous,
        look_up,
    );
}
