//! `scripts/bench_dynamodb.sh`: the engine on a DynamoDB, beside the bare SDK and the official Python store.
//!
//! Every figure is a ratio to a floor that is measured on the same server in the same run, the two taking turns. The
//! server is the emulator of `tests/emulator`, so that requests and write units say more than times do. The Python
//! store is measured where `BIGSEG_INTEROP` names the directory it was installed in.

mod concurrent;
mod patches;
#[path = "../engine/population.rs"]
mod population;
mod raw_sdk;
#[path = "../engine/rounds.rs"]
#[allow(dead_code, reason = "the other benchmark uses all of it")]
mod rounds;
mod sequential;
mod server;

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let sections: [(&str, fn()); 3] =
        [("sequential", sequential::run), ("concurrent", concurrent::run), ("patches", patches::run)];
    println!("| what | floor | engine | ratio |\n|---|---|---|---|");
    for (name, run) in sections {
        if name.contains(&wanted) {
            run();
        }
    }
}
