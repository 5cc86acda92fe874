//! Many callers that look up contexts which are not cached.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bigseg::Engine;
use bigseg::testkit::RedisServer;
use futures_util::future::join_all;

use crate::baselines;
use crate::population::{key, scatter};
use crate::rounds::median;
use crate::server::{CONTEXTS, filled, uncached};

const CALLERS: usize = 64;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(1);
/// The commands in flight of 64 callers: a lookup is two commands.
const COMMANDS: usize = 2 * CALLERS;

/// Compares 64 callers with `redis-benchmark` and with the stores of the SDKs.
pub(crate) fn run() {
    let server = filled();
    baselines::copy_for_benchmark(&server);
    let engines = [uncached(&server)];
    let threads = || as_threads(&engines[0], CALLERS);
    let futures = || as_futures(&engines, CALLERS).0;
    let benchmark = |connections: usize, pipelining| {
        let server = &server;
        move || Some(baselines::redis_benchmark(server, connections, pipelining))
    };
    let one = benchmark(1, COMMANDS);
    let many = benchmark(CALLERS, 2);
    compare_rates(
        "64 futures (floor: redis-benchmark, 1 connection, 128 questions under way)",
        &one,
        futures,
    );
    compare_rates("64 threads (the same floor)", &one, threads);
    compare_rates("64 futures (floor: redis-benchmark, 64 connections, 2 questions on each)", &many, futures);
    compare_rates("64 threads (the same floor)", &many, threads);
    let python = || baselines::sdk(&server, "Python", CALLERS);
    compare_rates("64 threads (floor: the official Python store, 64 threads)", &python, threads);
    let node = || baselines::sdk(&server, "Node", CALLERS);
    compare_rates("64 futures (floor: the official Node store, 64 promises)", &node, futures);
}

/// Shows the effect of more callers and of more connections.
pub(crate) fn run_concurrent() {
    let server = filled();
    for callers in [64, 256, 1024] {
        let of_engines = |count: usize| measure_callers(&server, count, callers);
        let (one, p99_of_one) = of_engines(1);
        println!("| {callers} futures, one connection | | {one:.0} lookups/s, p99 {p99_of_one:.2?} | |");
        for count in [2, 4] {
            let (rate, p99) = of_engines(count);
            println!(
                "| {callers} futures on {count} connections (floor: 1) | {one:.0}/s | {rate:.0}/s, p99 {p99:.2?} | {:.2} |",
                rate / one
            );
        }
    }
}

/// Returns the median rate and the median p99 of callers that are spread over engines, each with
/// one connection.
fn measure_callers(server: &RedisServer, engines: usize, callers: usize) -> (f64, Duration) {
    let engines: Vec<Engine> = (0..engines).map(|_| uncached(server)).collect();
    let rounds: Vec<(f64, Duration)> = (0..ROUNDS).map(|_| as_futures(&engines, callers)).collect();
    let p99 = median(rounds.iter().map(|(_, p99)| p99.as_secs_f64()));
    (median(rounds.iter().map(|(rate, _)| *rate)), Duration::from_secs_f64(p99))
}

/// Alternates floor and engine, in lookups per second. A ratio above 1 means that the engine is
/// faster.
fn compare_rates(what: &str, floor: &impl Fn() -> Option<f64>, engine: impl Fn() -> f64) {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let Some(floor) = floor() else {
            println!("| {what} | not installed | | |");
            return;
        };
        rounds.push((floor, engine()));
    }
    let floor = median(rounds.iter().map(|(floor, _)| *floor));
    let engine = median(rounds.iter().map(|(_, engine)| *engine));
    let ratio = median(rounds.iter().map(|(floor, engine)| engine / floor));
    println!("| {what} | {floor:.0}/s | {engine:.0}/s | {ratio:.2} |");
}

/// Looks up on many threads, and returns the lookups per second.
fn as_threads(engine: &Engine, callers: usize) -> f64 {
    let stop = AtomicBool::new(false);
    let done = AtomicUsize::new(0);
    let began = now();
    std::thread::scope(|scope| {
        for caller in 0..callers {
            let stop = &stop;
            let done = &done;
            scope.spawn(move || {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let key = key(scatter(caller * 1_000_003 + count, CONTEXTS));
                    let answer = engine.membership(&key).wait().expect("usable");
                    assert!(answer.error.is_none());
                    count += 1;
                }
                done.fetch_add(count, Ordering::Relaxed);
            });
        }
        std::thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
    });
    done.into_inner() as f64 / began.elapsed().as_secs_f64()
}

/// Looks up with many futures on this thread, which take the engines in turn. Returns the lookups
/// per second, and the 99th percentile of their duration.
fn as_futures(engines: &[Engine], callers: usize) -> (f64, Duration) {
    let began = now();
    let callers = (0..callers).map(|caller| {
        let engine = &engines[caller % engines.len()];
        async move {
            let mut times = Vec::new();
            while began.elapsed() < ROUND {
                let key = key(scatter(caller * 1_000_003 + times.len(), CONTEXTS));
                let asked = now();
                let answer = engine.membership(&key).await.expect("usable");
                assert!(answer.error.is_none());
                times.push(asked.elapsed());
            }
            times
        }
    });
    let mut times = pollster::block_on(join_all(callers)).concat();
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    times.sort();
    (rate, times[times.len() * 99 / 100])
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
