//! `cargo bench -p bigseg --bench sync`: the sync worker, beside the floor of what the store
//! or the disk allows. `-- NAME` runs the sections whose name contains NAME.

mod idle;
mod initial_load;
mod latency;
mod upstream_process;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [role, operations, patch_size] = &arguments[..]
        && role == upstream_process::ROLE
    {
        let number = |text: &str| text.parse().expect("a number");
        return upstream_process::serve(number(operations), number(patch_size));
    }
    let wanted = arguments.first().map_or("", String::as_str);
    let sections: [(&str, fn()); 5] = [
        ("embedded", initial_load::run_embedded),
        ("redis", initial_load::run_redis),
        ("large", initial_load::run_large),
        ("latency", latency::run),
        ("idle", idle::run),
    ];
    println!("| what | floor | worker | |\n|---|---|---|---|");
    for (name, run) in sections {
        if name.contains(wanted) {
            run();
        }
    }
}
