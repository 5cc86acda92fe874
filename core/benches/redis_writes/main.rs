//! Writing to Redis, beside what its own tools make of the same commands: lists beside `redis-cli --pipe`, patches
//! beside one command after the other, and how long the server serves nobody else meanwhile.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bigseg_core::patch::PatchOutcome;
use bigseg_core::store::{LoadEntry, LoadPlan, LoadSource};
use bigseg_core::testkit::samples::{hash, patch};
use bigseg_core::testkit::{RedisCluster, RedisServer};
use bigseg_core::{Clock, ContextHash, Result, SegmentRef, StoreConfig};

const CONTEXTS: usize = 500_000;
const OPERATIONS: usize = 100_000;
const ONE_BY_ONE: usize = 10_000;
const REPEATS: usize = 3;

fn main() {
    let hashes: Vec<ContextHash> = (0..CONTEXTS).map(|n| hash(&n.to_string())).collect();
    let best = |measure: &dyn Fn() -> f64| (0..REPEATS).map(|_| measure()).fold(0.0, f64::max);
    let pipe = best(&|| {
        let server = RedisServer::start();
        CONTEXTS as f64 / seconds(|| feed(&server, &protocol(&hashes)))
    });
    println!("lists: redis-cli --pipe {pipe:.0} contexts/s");
    let ours = best(&|| {
        let server = RedisServer::start();
        CONTEXTS as f64 / load(&server.store("", ""), &hashes)
    });
    println!("lists: one server       {ours:.0} contexts/s = {:.2} of redis-cli --pipe", ours / pipe);
    let ours = best(&|| {
        let cluster = RedisCluster::start(3, false);
        CONTEXTS as f64 / load(&cluster.store("", ""), &hashes)
    });
    println!("lists: three masters    {ours:.0} contexts/s");

    let alone = best(&|| one_by_one());
    println!("patches: one command after the other {alone:.0} operations/s");
    let server = RedisServer::start();
    let (rate, gap) = patches(&server.store("", ""), &server, &hashes);
    println!(
        "patches: one server    {rate:.0} operations/s = {:.1} times that; longest wait of others {gap:?}",
        rate / alone
    );
    let cluster = RedisCluster::start(3, false);
    let (rate, gap) = patches(&cluster.store("", ""), cluster.node(0), &hashes);
    println!(
        "patches: three masters {rate:.0} operations/s = {:.1} times that; longest wait of others {gap:?}",
        rate / alone
    );
}

fn seconds(work: impl FnOnce()) -> f64 {
    let began = Clock::System.now();
    work();
    Clock::System.now().since(began).as_secs_f64()
}

/// A list that costs nothing to prepare.
struct List<'a>(std::slice::Iter<'a, ContextHash>);

impl LoadSource for List<'_> {
    fn next(&mut self, entries: &mut Vec<LoadEntry>) -> Result<Option<ContextHash>> {
        entries.clear();
        entries.push(LoadEntry { segment: 0, excluded: false });
        Ok(self.0.next().copied())
    }
}

/// Returns how long a load takes.
fn load(store: &str, hashes: &[ContextHash]) -> f64 {
    let writer = StoreConfig::parse(store).unwrap().writer().unwrap();
    let plan = LoadPlan { refs: vec![SegmentRef::from_store("s.g1")], replace: None, synchronized_on: 1 };
    let mut list = List(hashes.iter());
    seconds(|| {
        writer.load(&plan, &mut list, &mut |_| {}).unwrap();
    })
}

/// The commands of that load, as they go over the wire.
fn protocol(hashes: &[ContextHash]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for hash in hashes {
        for (command, list) in [("SADD", "include"), ("SREM", "exclude")] {
            let key = format!("launchdarkly:big_segment_{list}:{hash}");
            let length = key.len();
            write!(bytes, "*3\r\n$4\r\n{command}\r\n${length}\r\n{key}\r\n$4\r\ns.g1\r\n").unwrap();
        }
    }
    bytes
}

fn feed(server: &RedisServer, bytes: &[u8]) {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &server.port().to_string(), "--pipe"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut process = command.spawn().expect("redis-cli is installed (scripts/setup.sh test)");
    process.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(process.wait().unwrap().success());
}

/// Over TCP, as the store is reached, and with a client that costs next to nothing.
fn one_by_one() -> f64 {
    let server = RedisServer::start();
    let (port, count) = (server.port().to_string(), ONE_BY_ONE.to_string());
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", &port, "-n", &count, "-r", "1000000", "-c", "1", "-q", "--csv"]);
    command.args(["SADD", "launchdarkly:big_segment_include:0123456789012345678901__rand_int__", "s.g1"]);
    let output = command.output().expect("redis-benchmark is installed (scripts/setup.sh test)");
    let words = String::from_utf8_lossy(&output.stdout);
    let rate = words.lines().last().and_then(|line| line.split("\",\"").nth(1)?.parse().ok());
    rate.unwrap_or_else(|| panic!("redis-benchmark says {words}"))
}

/// Returns how many operations a second, and the longest that another client waited for an answer of that server.
fn patches(store: &str, server: &RedisServer, hashes: &[ContextHash]) -> (f64, Duration) {
    let writer = StoreConfig::parse(store).unwrap().writer().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let (mut client, mut longest) = (server.client(), Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                let began = Clock::System.now();
                client.run(&["PING"]);
                longest = longest.max(Clock::System.now().since(began));
                std::thread::sleep(Duration::from_millis(1));
            }
            longest
        });
        let rates = (0..REPEATS).map(|n| {
            let previous = if n == 0 { String::new() } else { n.to_string() };
            let mut next = patch("s.g1", &previous, &(n + 1).to_string(), Default::default());
            let all = hashes[..OPERATIONS].to_vec();
            *(if n % 2 == 0 { &mut next.changes.included.add } else { &mut next.changes.included.remove }) =
                all;
            let took = seconds(|| assert_eq!(writer.apply(&next).unwrap(), PatchOutcome::Applied));
            OPERATIONS as f64 / took
        });
        let rate = rates.fold(0.0, f64::max);
        done.store(true, Ordering::Relaxed);
        (rate, other.join().unwrap())
    })
}
