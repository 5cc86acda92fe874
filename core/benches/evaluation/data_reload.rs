//! Evaluations while a data set of 2,000 flags is exchanged again and again, beside evaluations while it is not.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use bigseg_core::Engine;
use serde_json::{Value, json};

use crate::flags::{context, data, engine};
use crate::rounds::{median, time};

const FLAGS: usize = 2_000;
const ROUNDS: usize = 9;
const CALLS: usize = 100_000;

/// Returns the nanoseconds that half, 99 of 100 and 999 of 1,000 evaluations stay below.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn quantiles(engine: &Engine) -> [f64; 3] {
    let (who, none) = (context(0), Value::Null);
    let mut times: Vec<u64> = (0..CALLS)
        .map(|_| {
            let start = Instant::now();
            black_box(engine.evaluate("flag-0", &who).default(&none).now().expect("usable"));
            start.elapsed().as_nanos() as u64
        })
        .collect();
    times.sort_unstable();
    [CALLS / 2, CALLS * 99 / 100, CALLS * 999 / 1000].map(|place| times[place] as f64)
}

/// Compares, and says how long an exchange takes.
pub(crate) fn run() {
    let text = data(FLAGS, true).to_string();
    let engine = engine(&json!({"flags": {}}));
    engine.set_data(&text).expect("good data");
    let (busy, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let done = AtomicBool::new(false);
    let mut rounds = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if busy.load(Ordering::Relaxed) {
                    engine.set_data(&text).expect("good data");
                    swaps.fetch_add(1, Ordering::Relaxed);
                } else {
                    // The other side shares its processor as it does when this one works.
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
