//! `cargo bench -p bigseg --bench evaluation`: compares flags with big segments to the
//! evaluation crate alone on the same flags with ordinary segments. `-- NAME` runs the sections
//! whose names contain NAME.

mod data_reload;
mod flag_eval;
mod flags;
#[allow(dead_code, reason = "no section compares thread counts")]
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
