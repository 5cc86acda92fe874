//! `scripts/bench_redis.sh`: the engine on a real Redis server, compared with the server itself and
//! with other clients.
//!
//! Every figure is a ratio to a floor that is measured on the same server in the same run, in
//! alternation. The stores of the SDKs are measured if `BIGSEG_INTEROP` is the directory where they
//! are installed.

mod baselines;
mod changes;
mod herd;
mod loads;
mod lookups;
mod patches;
#[path = "../engine/population.rs"]
mod population;
#[path = "../engine/rounds.rs"]
#[allow(dead_code, reason = "the other benchmark uses all of it")]
mod rounds;
mod sequential;
mod server;
mod wire;

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let sections: [(&str, fn()); 7] = [
        ("lookups", lookups::run),
        ("concurrent", lookups::run_concurrent),
        ("sequential", sequential::run),
        ("loads", loads::run),
        ("patches", patches::run),
        ("herd", herd::run),
        ("changes", changes::run),
    ];
    println!("| what | floor | engine | ratio |\n|---|---|---|---|");
    for (name, run) in sections {
        if name.contains(&wanted) {
            run();
        }
    }
}
