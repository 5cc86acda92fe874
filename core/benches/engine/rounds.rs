//! Times two things in turns and compares them round by round.

use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 25;

/// Runs `work` `count` times and returns nanoseconds per call.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn time<T>(count: usize, mut work: impl FnMut(usize) -> T) -> f64 {
    let start = Instant::now();
    for i in 0..count {
        black_box(work(i));
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

/// Alternates floor and engine, and prints the medians and the median of the ratios.
pub(crate) fn compare<A, B>(
    what: &str,
    count: usize,
    mut floor: impl FnMut(usize) -> A,
    mut engine: impl FnMut(usize) -> B,
) {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..=ROUNDS {
        let offset = round * count;
        let pair = (time(count, |i| floor(offset + i)), time(count, |i| engine(offset + i)));
        // The first round warms up.
        if round > 0 {
            rounds.push(pair);
        }
    }
    let floor = median(rounds.iter().map(|(floor, _)| *floor));
    let engine = median(rounds.iter().map(|(_, engine)| *engine));
    let ratio = median(rounds.iter().map(|(floor, engine)| engine / floor));
    println!("| {what} | {floor:.0} ns | {engine:.0} ns | {ratio:.2} |");
}

/// Prints how much more two threads get done than one.
pub(crate) fn compare_threads(what: &str, count: usize, work: impl Fn(usize) + Sync) {
    let work = &work;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let alone = time(count, work);
        let both = std::thread::scope(|scope| {
            let threads = [0, 7919].map(|offset| scope.spawn(move || time(count, |i| work(i + offset))));
            threads.map(|thread| thread.join().expect("no panic"))
        });
        rounds.push((alone, (both[0] + both[1]) / 2.0));
    }
    let alone = median(rounds.iter().map(|(alone, _)| *alone));
    let together = median(rounds.iter().map(|(_, together)| *together));
    let gain = median(rounds.iter().map(|(alone, together)| 2.0 * alone / together));
    println!(
        "| {what}: 2 threads against 1 | {alone:.0} ns | {together:.0} ns | {gain:.2}× the throughput |"
    );
}

/// Returns the middle value.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
