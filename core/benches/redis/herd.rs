//! A thousand callers on one context that is not cached.

use bigseg::{Engine, EngineConfig};
use futures_util::future::join_all;

use crate::population::key;
use crate::server::{filled, smembers};

const CALLERS: usize = 1000;

/// Counts the commands that the server receives.
pub(crate) fn run() {
    let server = filled();
    let engine = Engine::open(EngineConfig::new(&server.store("", "")).expect("a good store string"));
    let engine = engine.expect("the engine opens");
    while !engine.status().push_invalidation {
        std::thread::yield_now();
    }
    let before = smembers(&server);
    let key = key(7);
    let answers = pollster::block_on(join_all((0..CALLERS).map(|_| engine.membership(&key).into_future())));
    assert!(answers.iter().all(|answer| answer.as_ref().expect("usable").error.is_none()));
    println!("| a herd of {CALLERS} on a cold key, SMEMBERS | 2 | {} | |", smembers(&server) - before);
}
