//! A large patch, compared with one command per round trip, and the delay for other clients
//! meanwhile.

use bigseg::store::Cursor;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bigseg::patch::{ListChanges, Patch, PatchOutcome};
use bigseg::testkit::samples::patch;
use bigseg::testkit::{RedisServer, Reply};

use crate::population::hash;
use crate::rounds::{median, time};
use crate::server::{config, filled};
use crate::wire::{Wire, encode};

const OPERATIONS: usize = 100_000;
/// Enough operations to measure the cost of one command per round trip.
const SINGLES: usize = 20_000;
const ROUNDS: usize = 5;

/// Alternates both, and measures how long another client and the server itself were busy.
pub(crate) fn run() {
    let server = filled();
    let mut client = server.client();
    // In microseconds: slower commands are recorded.
    client.run(&["CONFIG", "SET", "slowlog-log-slower-than", "100"]);
    client.run(&["CONFIG", "SET", "slowlog-max-len", "100000"]);
    client.run(&["SLOWLOG", "RESET"]);
    let writer = config(&server).writer().expect("the store opens");
    let mut rounds = Vec::with_capacity(ROUNDS);
    let mut blocked = Duration::ZERO;
    let mut undisturbed = Duration::ZERO;
    for round in 0..ROUNDS {
        let singles = singles(round);
        let mut wire = Wire::connect(server.port());
        let floor = time(SINGLES, |i| wire.exchange(&singles[i], 1));
        let patch = sample(round);
        let apply = || {
            time(1, |_| {
                assert_eq!(writer.apply(&patch, Cursor::Advance).expect("it applies"), PatchOutcome::Applied)
            })
        };
        let (nanoseconds, longest) = beside_pings(&server, apply);
        blocked = blocked.max(longest);
        let (_, longest) = beside_pings(&server, || std::thread::sleep(Duration::from_secs(1)));
        undisturbed = undisturbed.max(longest);
        rounds.push((floor, nanoseconds / OPERATIONS as f64));
    }
    let floor = median(rounds.iter().map(|(floor, _)| *floor));
    let each = median(rounds.iter().map(|(_, each)| *each));
    let gain = median(rounds.iter().map(|(floor, each)| floor / each));
    println!(
        "| an operation of a patch of {OPERATIONS} (floor: one command a round trip) | {floor:.0} ns | {each:.0} ns | {gain:.1} times faster |"
    );
    println!(
        "| the longest PING of another client meanwhile (floor: while nothing happens) | {undisturbed:.1?} | {blocked:.1?} | |"
    );
    println!("| the longest command of a patch, by the server's slow log | | {:.1?} | |", slowest(&server));
}

/// Adds half of the contexts to a segment and removes the other half. The next round does the
/// opposite.
fn sample(round: usize) -> Patch {
    let version = |number: usize| if number == 0 { String::new() } else { number.to_string() };
    let mut sample = patch("patched.g1", &version(round), &version(round + 1), ListChanges::default());
    for context in 0..OPERATIONS {
        let ListChanges { add, remove } = &mut sample.changes.included;
        if (context + round).is_multiple_of(2) { add } else { remove }.push(hash(context));
    }
    sample
}

/// Encodes as many such operations, each to be sent alone.
fn singles(round: usize) -> Vec<Vec<u8>> {
    let single = |context: usize| {
        let command = if (context + round).is_multiple_of(2) { "SADD" } else { "SREM" };
        encode(&[&[command, &format!("launchdarkly:big_segment_include:{}", hash(context)), "single.g1"]])
    };
    (0..SINGLES).map(single).collect()
}

/// Runs `work` while another client pings continuously. Returns the longest round trip of a ping.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn beside_pings<T>(server: &RedisServer, work: impl FnOnce() -> T) -> (T, Duration) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let prober = scope.spawn(|| {
            let mut wire = Wire::connect(server.port());
            let ping = encode(&[&["PING"]]);
            let mut longest = Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                let began = Instant::now();
                wire.exchange(&ping, 1);
                longest = longest.max(began.elapsed());
                // Frequent enough to overlap with every command, and rare enough to leave the
                // server to the patch.
                std::thread::sleep(Duration::from_micros(200));
            }
            longest
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, prober.join().expect("no panic"))
    })
}

/// Returns the duration of the slowest command.
fn slowest(server: &RedisServer) -> Duration {
    let Reply::List(entries) = server.client().run(&["SLOWLOG", "GET", "-1"]) else { panic!("an array") };
    let microseconds = entries.iter().map(|entry| match entry {
        Reply::List(fields) => match fields[2] {
            Reply::Number(microseconds) => microseconds as u64,
            _ => panic!("{entry:?}"),
        },
        _ => panic!("{entry:?}"),
    });
    Duration::from_micros(microseconds.max().unwrap_or_default())
}
