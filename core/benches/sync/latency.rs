//! The latency from a change at the upstream to an answer of an engine.

use std::io::Write;
use std::time::{Duration, Instant};

use bigseg::sync::{SyncConfig, SyncWorker};
use bigseg::testkit::samples::{hash, list, patch};
use bigseg::testkit::{FakeUpstream, RedisServer};
use bigseg::{Engine, EngineConfig, StoreConfig};

use crate::initial_load::upstream;

const CHANGES: usize = 500;
/// The pause between two changes: long enough for the worker to write the sync marker.
const PAUSE: Duration = Duration::from_millis(20);

/// Returns the median time in which the disk makes a page durable; a commit of the embedded store
/// does it twice.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn durable_page() -> Duration {
    let mut file = tempfile::tempfile().expect("there is room");
    let mut times: Vec<Duration> = (0..100)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[1; 4096]).and_then(|()| file.sync_data()).expect("it can be written");
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// Publishes changes one by one, and measures when an engine answers with each.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn measure(what: &str, floor: &str, store: &str, in_process: bool) {
    let fake = FakeUpstream::start();
    let engine = Engine::open(EngineConfig::new(store).expect("a good store string")).expect("it opens");
    let parsed = StoreConfig::parse(store).expect("a good store string");
    let mut config = SyncConfig::new(upstream(&fake.url()), &parsed).expect("a store");
    if in_process {
        config.observers.push(engine.sync_observer());
    }
    let worker = SyncWorker::start(config).expect("the worker starts");
    while !worker.status().is_healthy() || !(in_process || engine.status().push_invalidation) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut times = Vec::with_capacity(CHANGES);
    for number in 1..=CHANGES {
        let key = hash(&number.to_string());
        let is_member = || {
            let answer = engine.membership(key).wait().expect("usable");
            answer.check("s.g1") == Some(true)
        };
        assert!(!is_member(), "the answer before the change is cached");
        let previous = if number == 1 { String::new() } else { (number - 1).to_string() };
        let change = patch("s.g1", &previous, &number.to_string(), list(&[&number.to_string()], &[]));
        std::thread::sleep(PAUSE);
        let start = Instant::now();
        fake.publish(change);
        while !is_member() {
            std::thread::yield_now();
        }
        times.push(start.elapsed());
    }
    times.sort();
    let median = times[CHANGES / 2];
    let p99 = times[CHANGES * 99 / 100];
    println!(
        "| a streamed patch seen by an engine, {what} | {floor} | median {median:.2?}, p99 {p99:.2?} | |"
    );
    worker.close().wait();
    engine.close().wait();
}

/// Measures an embedded store in one process, and Redis with push invalidation.
pub(crate) fn run() {
    let directory = tempfile::tempdir().expect("there is room");
    let store = format!("local:{}", directory.path().join("store").display());
    let floor = format!("median {:.2?}", durable_page());
    measure("embedded, same process (floor: one durable page)", &floor, &store, true);
    let server = RedisServer::start();
    measure("through Redis with push", "", &server.store("", ""), false);
}
