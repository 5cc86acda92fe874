//! `cargo bench -p bigseg-core --bench evaluation`: flags with big segments beside the official crate's own evaluation of the same
//! flags with ordinary segments. `-- NAME` runs the sections whose name contains NAME.

mod data_reload;
mod flag_eval;
mod flags;
#[allow(dead_code, reason = "nothing here has two threads beside one")]
#[path = "../engine/rounds.rs"]
mod rounds;

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let sections: [(&str, fn()); 2] = [("flag_eval", flag_eval::run), ("data_reload", data_reload::run)];
    println!("| what | floor | engine | ratio |\n|---|---|---|---|");
    for (name, run) in sections {
        if name.contains(&wanted) {
            run();
        }
    }
}
