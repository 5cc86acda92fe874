//! `scripts/bench_redis.sh`: the engine on a real Redis server, beside what the server itself and other clients do.
//!
//! Every figure is a ratio to a floor that is measured on the same server in the same run, the two taking turns. The SDKs'
//! stores are measured where `BIGSEG_INTEROP` names the directory they were installed in.

mod alone;
mod changes;
mod herd;
mod loads;
mod lookups;
mod others;
mod patches;
#[path = "../engine/population.rs"]
mod population;
#[path = "../engine/rounds.rs"]
#[allow(dead_code, reason = "the other benchmark uses all of it")]
mod rounds;
mod server;
mod wire;

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let sections: [(&str, fn()); 7] = [
        ("lookups", lookups::run),
        ("crowds", lookups::run_crowds),
        ("alone", alone::run),
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
