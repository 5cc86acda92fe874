//! The delay between a change in the store and a new answer of the engine, with push invalidation.

use std::time::{Duration, Instant};

use bigseg::{Engine, EngineConfig};

use crate::population::{hash, key};
use crate::server::filled;
use crate::wire::{Wire, encode};

const CHANGES: usize = 2500;
const CONTEXTS: usize = 500;

/// Changes one membership after another, and looks up until the answer changes.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn run() {
    let server = filled();
    // Changes arrive by push only.
    let config = EngineConfig::new(&server.store("", ""))
        .expect("a good store string")
        .with_context_cache_time(Duration::from_secs(600));
    let engine = Engine::open(config).expect("the engine opens");
    while !engine.status().push_invalidation {
        std::thread::yield_now();
    }
    let mut wire = Wire::connect(server.port());
    let mut times = Vec::with_capacity(CHANGES);
    for change in 0..CHANGES {
        let context = change % CONTEXTS;
        let joins = (change / CONTEXTS).is_multiple_of(2);
        let key = key(context);
        let is_member = || engine.membership(&key).wait().expect("usable").check("changed.g1") == Some(true);
        assert_eq!(is_member(), !joins);
        let list = format!("launchdarkly:big_segment_include:{}", hash(context));
        let command = encode(&[&[if joins { "SADD" } else { "SREM" }, &list, "changed.g1"]]);
        let began = Instant::now();
        wire.exchange(&command, 1);
        while is_member() != joins {
            std::thread::yield_now();
        }
        times.push(began.elapsed());
    }
    times.sort();
    let [p50, p99] = [50, 99].map(|percent| times[CHANGES * percent / 100]);
    println!(
        "| from a change in the store to another answer, {CHANGES} changes | | p50 {p50:.0?}, p99 {p99:.0?} | |"
    );
}
