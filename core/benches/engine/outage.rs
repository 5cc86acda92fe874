//! What callers pay while the store never answers.

use std::time::{Duration, Instant};

use bigseg::engine::Source;
use bigseg::membership::LookupStatus;
use bigseg::testkit::fault_store::{Fault, FaultStore};
use bigseg::{Engine, EngineConfig};

use crate::population::hash;

const DEADLINE: Duration = Duration::from_millis(100);
const CALLS: usize = 20_000;

/// Lets a store hang, and looks how long lookups take before and after the breaker opens.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn run() {
    let store = FaultStore::new();
    let engine = Engine::open(
        EngineConfig::default()
            .with_source(Source::Custom(store.clone()))
            .with_lookup_deadline(DEADLINE)
            .with_breaker_probe_interval(Duration::from_secs(3600)),
    )
    .expect("the engine opens");
    store.set_fault(Fault::Hang);
    let mut worst = Duration::ZERO;
    let mut first = 0;
    while engine.metrics().circuit_open == 0 {
        let start = Instant::now();
        engine.membership(hash(first)).wait().expect("usable");
        worst = worst.max(start.elapsed());
        first += 1;
    }
    let mut times: Vec<Duration> = (0..CALLS)
        .map(|context| {
            let start = Instant::now();
            let answer = engine.membership(hash(context)).wait().expect("usable");
            assert_eq!(answer.status, LookupStatus::StoreError);
            start.elapsed()
        })
        .collect();
    times.sort();
    let p99 = times[CALLS * 99 / 100];
    println!(
        "| store never answers, deadline {DEADLINE:?}: slowest of the first {first} callers | {DEADLINE:?} | {worst:.1?} | |"
    );
    println!("| store never answers, breaker open: p99 of {CALLS} callers | | {p99:.1?} | |");
    store.set_fault(Fault::None);
}
