//! Compares evaluations while a data set of 2,000 flags is replaced repeatedly to evaluations
//! without replacements.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use bigseg::Engine;
use serde_json::{Value, json};

use crate::flags::{context, data, engine};
use crate::rounds::{median, time};

const FLAGS: usize = 2_000;
const ROUNDS: usize = 9;
const CALLS: usize = 100_000;

/// Returns the 50th, 99th and 99.9th percentile of the time of an evaluation, in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn quantiles(engine: &Engine) -> [f64; 3] {
    let target = context(0);
    let default = Value::Null;
    let mut times: Vec<u64> = (0..CALLS)
        .map(|_| {
            let start = Instant::now();
            black_box(engine.evaluate("flag-0", &target).default(&default).now().expect("usable"));
            start.elapsed().as_nanos() as u64
        })
        .collect();
    times.sort_unstable();
    [CALLS / 2, CALLS * 99 / 100, CALLS * 999 / 1000].map(|place| times[place] as f64)
}

/// Compares the percentiles, and measures one replacement.
pub(crate) fn run() {
    let text = data(FLAGS, true).to_string();
    let engine = engine(&json!({"flags": {}}));
    engine.set_data(&text).expect("good data");
    let busy = AtomicBool::new(false);
    let swaps = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let mut rounds = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if busy.load(Ordering::Relaxed) {
                    engine.set_data(&text).expect("good data");
                    swaps.fetch_add(1, Ordering::Relaxed);
                } else {
                    // Keeps this processor busy as a replacement would.
                    std::hint::spin_loop();
                }
            }
        });
        for _ in 0..ROUNDS {
            let calm = quantiles(&engine);
            busy.store(true, Ordering::Relaxed);
            rounds.push((calm, quantiles(&engine)));
            busy.store(false, Ordering::Relaxed);
        }
        done.store(true, Ordering::Relaxed);
    });
    let swaps = swaps.load(Ordering::Relaxed);
    for (index, what) in ["half of them", "99 of 100", "999 of 1,000"].into_iter().enumerate() {
        let calm = median(rounds.iter().map(|(calm, _)| calm[index]));
        let swapping = median(rounds.iter().map(|(_, swapping)| swapping[index]));
        let ratio = median(rounds.iter().map(|(calm, swapping)| swapping[index] / calm[index]));
        println!(
            "| evaluations while {FLAGS} flags are exchanged ({swaps} times), {what} below (floor: nothing is exchanged) \
             | {calm:.0} ns | {swapping:.0} ns | {ratio:.2} |"
        );
    }
    let parse = time(5, |_| serde_json::from_str::<Value>(&text).expect("JSON"));
    let exchange = time(5, |_| engine.set_data(&text).expect("good data"));
    println!(
        "| one exchange of {FLAGS} flags and {FLAGS} segments (floor: its JSON is parsed) | {:.1} ms | {:.1} ms | {:.2} |",
        parse / 1e6,
        exchange / 1e6,
        exchange / parse
    );
}
