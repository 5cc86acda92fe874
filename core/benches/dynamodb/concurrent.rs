//! Concurrent lookups of contexts that are not cached, beside the official Python store.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bigseg::Engine;
use bigseg::testkit::DynamoDbServer;
use bigseg::testkit::dynamodb_server::{REGION, TABLE};

use crate::population::{key, scatter};
use crate::rounds::median;
use crate::server::{CONTEXTS, filled, uncached};

const CALLERS: usize = 64;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

pub(crate) fn run() {
    let server = filled();
    let engine = uncached(&server);
    let mut rounds = Vec::with_capacity(ROUNDS);
    let (mut lookups, before) = (0, engine.metrics().store_queries);
    for _ in 0..ROUNDS {
        let floor = python(&server);
        let (rate, count) = threads(&engine);
        lookups += count;
        rounds.push((floor, rate));
    }
    let rate = median(rounds.iter().map(|(_, engine)| *engine));
    let what = format!("{CALLERS} threads (floor: the official Python store, {CALLERS} threads)");
    match rounds
        .iter()
        .map(|(floor, engine)| floor.map(|floor| (floor, engine / floor)))
        .collect::<Option<Vec<_>>>()
    {
        None => println!("| {what} | not installed | {rate:.0}/s | |"),
        Some(rounds) => {
            let floor = median(rounds.iter().map(|(floor, _)| *floor));
            let ratio = median(rounds.iter().map(|(_, ratio)| *ratio));
            println!("| {what} | {floor:.0}/s | {rate:.0}/s | {ratio:.1} times as many |");
        }
    }
    // A query of so few contexts is one request; that store sends one for each.
    let requests = (engine.metrics().store_queries - before) as f64 / lookups as f64;
    println!(
        "| requests for 64 lookups (floor: the official store) | 64 | {:.1} | 1/{:.0} |",
        64.0 * requests,
        1.0 / requests
    );
}

/// Looks up on many threads; returns the lookups per second, and their number.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn threads(engine: &Engine) -> (f64, usize) {
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (stop, done) = (&stop, &done);
            scope.spawn(move || {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let key = key(scatter(caller * 1_000_003 + count, CONTEXTS));
                    assert!(engine.membership(&key).wait().expect("usable").error.is_none());
                    count += 1;
                }
                done.fetch_add(count, Ordering::Relaxed);
            });
        }
        std::thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
    });
    let done = done.into_inner();
    (done as f64 / began.elapsed().as_secs_f64(), done)
}

/// Returns the lookups a second of the official Python store, if it was installed.
fn python(server: &DynamoDbServer) -> Option<f64> {
    let place = std::env::var("BIGSEG_INTEROP").ok()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/bench_dynamodb_store.py");
    let endpoint = format!("http://127.0.0.1:{}", server.port());
    let numbers = [CONTEXTS.to_string(), CALLERS.to_string(), ROUND.as_secs().to_string()];
    let mut command = Command::new(format!("{place}/venv/bin/python"));
    let output =
        command.arg(script).args([&endpoint, REGION, TABLE]).args(numbers).output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).trim().parse().expect("a rate"))
}
