//! The initial load of a store: one page with everything.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bigseg::StoreConfig;
use bigseg::sync::{SdkKey, SyncConfig, SyncWorker, Upstream, UpstreamProxy};
use bigseg::testkit::{RedisServer, fake_upstream};

use crate::upstream_process::{UpstreamProcess, operation};

const OPERATIONS: usize = 1_000_000;
/// About 200 MB of JSON.
const LARGE: usize = 4_200_000;

/// Configures an upstream at `url`.
pub(crate) fn upstream(url: &str) -> Upstream {
    let key = SdkKey::new(fake_upstream::SDK_KEY).expect("a good key");
    Upstream {
        base_url: url.to_owned(),
        stream_url: url.to_owned(),
        proxy: UpstreamProxy::None,
        ..Upstream::new(key)
    }
}

/// Loads a store; returns how long that took.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn load(store: &StoreConfig, operations: usize, patch_size: usize) -> Duration {
    let upstream_process = UpstreamProcess::start(operations, patch_size);
    let start = Instant::now();
    let worker = SyncWorker::start(SyncConfig::new(upstream(&upstream_process.url), store).expect("a store"))
        .expect("the worker starts");
    while !worker.status().is_healthy() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let taken = start.elapsed();
    assert_eq!(worker.status().counters.operations as usize, operations, "{:?}", worker.status());
    worker.close().wait();
    taken
}

fn embedded(directory: &tempfile::TempDir) -> StoreConfig {
    let text = format!("local:{}", directory.path().join("store").display());
    StoreConfig::parse(&text).expect("a good store string")
}

fn rate(operations: usize, taken: Duration) -> String {
    format!("{taken:.2?}, {:.0} operations/s", operations as f64 / taken.as_secs_f64())
}

/// Loads an embedded store from patches of several sizes.
pub(crate) fn run_embedded() {
    for patch_size in [100, 1000, OPERATIONS] {
        let directory = tempfile::tempdir().expect("there is room");
        let taken = load(&embedded(&directory), OPERATIONS, patch_size);
        println!(
            "| page of 1,000,000 operations in patches of {patch_size}, embedded | | {} | |",
            rate(OPERATIONS, taken)
        );
    }
}

/// Loads Redis, beside `redis-cli --pipe` with the same commands.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn run_redis() {
    let server = RedisServer::start();
    for patch_size in [1000, OPERATIONS] {
        let mut commands = Vec::new();
        for number in 0..OPERATIONS {
            let (hash, segment) = operation(number, patch_size);
            let key = format!("launchdarkly:big_segment_include:{hash}");
            let words = ["SADD", &key, segment.as_str()];
            commands.extend(format!("*{}\r\n", words.len()).bytes());
            words.iter().for_each(|word| commands.extend(format!("${}\r\n{word}\r\n", word.len()).bytes()));
        }
        let start = Instant::now();
        let mut cli = Command::new("redis-cli")
            .arg("-s")
            .arg(server.socket())
            .arg("--pipe")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-cli is installed");
        std::io::copy(&mut &commands[..], &mut cli.stdin.take().expect("it is piped")).expect("it listens");
        assert!(cli.wait().expect("it ends").success());
        let floor = start.elapsed();
        server.client().run(&["FLUSHALL"]);
        let store = StoreConfig::parse(&server.store("", "")).expect("a good store string");
        let taken = load(&store, OPERATIONS, patch_size);
        server.client().run(&["FLUSHALL"]);
        println!(
            "| page of 1,000,000 operations in patches of {patch_size}, Redis (floor: redis-cli --pipe) | {} | {} | {:.0} % of the floor's rate |",
            rate(OPERATIONS, floor),
            rate(OPERATIONS, taken),
            100.0 * floor.as_secs_f64() / taken.as_secs_f64()
        );
    }
}

/// Loads an embedded store from a page of 200 MB, and measures the memory that takes.
pub(crate) fn run_large() {
    for patch_size in [1000, LARGE] {
        let is_done = Arc::new(AtomicBool::new(false));
        let peak = Arc::new(AtomicU64::new(0));
        let sampler_done = is_done.clone();
        let sampler_peak = peak.clone();
        let sample = move || {
            while !sampler_done.load(Ordering::Relaxed) {
                sampler_peak.fetch_max(anonymous_memory(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        let sampler = std::thread::Builder::new().spawn(sample).expect("there is a thread");
        let directory = tempfile::tempdir().expect("there is room");
        let taken = load(&embedded(&directory), LARGE, patch_size);
        is_done.store(true, Ordering::Relaxed);
        sampler.join().expect("it does not panic");
        println!(
            "| page of 4,200,000 operations (200 MB) in patches of {patch_size}, embedded | | {} | {} MiB resident, without the mapped file |",
            rate(LARGE, taken),
            peak.load(Ordering::Relaxed) >> 10
        );
    }
}

/// Returns the resident memory of this process without mapped files, in kilobytes.
fn anonymous_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
