//! `cargo bench -p bigseg`: the engine beside the floor it stands on.
//!
//! Machines differ and are shared, so nothing here is compared across runs: every figure is a ratio to a floor that
//! is measured in the same run, the two taking turns. `-- NAME` runs the sections whose name contains NAME.

mod cached;
mod local;
mod memory;
mod outage;
mod population;
mod rounds;

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let sections: [(&str, fn()); 5] = [
        ("memory", memory::run),
        ("cached", cached::run),
        ("threads", cached::run_threads),
        ("local", local::run),
        ("outage", outage::run),
    ];
    println!("| what | floor | engine | ratio |\n|---|---|---|---|");
    for (name, run) in sections {
        if name.contains(&wanted) {
            run();
        }
    }
}
