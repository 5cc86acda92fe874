//! Other clients of the same server: `redis-benchmark` and the stores of the official SDKs.

use std::process::Command;

use bigseg::testkit::RedisServer;

use crate::population::key;
use crate::server::CONTEXTS;
use crate::wire::{Wire, encode};

/// Keys as long as the real ones, because `redis-benchmark` can generate numbers but not hashes.
const LISTS: [&str; 2] = ["launchdarkly:big_segment_include", "launchdarkly:big_segment_exclude"];
const FILLING: &str = ":a-number-instead-of-a-hash-----";

/// Copies the population to keys that end with a twelve-digit number.
pub(crate) fn copy_for_benchmark(server: &RedisServer) {
    let mut wire = Wire::connect(server.port());
    for context in 0..CONTEXTS {
        let number = &key(context)[5..];
        let hash = crate::population::hash(context);
        let copies = LISTS.map(|list| [format!("{list}:{hash}"), format!("{list}{FILLING}{number}")]);
        let [include, exclude] = &copies;
        wire.exchange(
            &encode(&[&["COPY", &include[0], &include[1]], &["COPY", &exclude[0], &exclude[1]]]),
            2,
        );
    }
}

/// Returns the lookups per second of `redis-benchmark`: both lists, one after the other.
/// `pipelining` is the number of commands in flight on each connection.
pub(crate) fn redis_benchmark(server: &RedisServer, connections: usize, pipelining: usize) -> f64 {
    let seconds: f64 = LISTS
        .map(|list| {
            let port = server.port().to_string();
            let contexts = CONTEXTS.to_string();
            let connections = connections.to_string();
            let pipelining = pipelining.to_string();
            let key = format!("{list}{FILLING}__rand_int__");
            let options =
                ["-p", &port, "-c", &connections, "-P", &pipelining, "-r", &contexts, "-n", "200000"];
            let command = ["--csv", "SMEMBERS", &key];
            let output = run(Command::new("redis-benchmark").args(options).args(command));
            let rate = output.lines().last().and_then(|line| line.split(',').nth(1)).expect("a rate");
            1.0 / rate.trim_matches('"').parse::<f64>().expect("a number")
        })
        .iter()
        .sum();
    1.0 / seconds
}

/// Returns the lookups per second of the store of an official SDK, if it is installed.
pub(crate) fn sdk(server: &RedisServer, language: &str, callers: usize) -> Option<f64> {
    let directory = std::env::var("BIGSEG_INTEROP").ok()?;
    let (program, script) = match language {
        "Python" => (format!("{directory}/venv/bin/python"), "bench_redis_store.py"),
        _ => ("node".to_owned(), "bench_redis_store.js"),
    };
    let script = format!("{}/../scripts/{script}", env!("CARGO_MANIFEST_DIR"));
    let url = format!("redis://127.0.0.1:{}", server.port());
    let numbers = [CONTEXTS.to_string(), callers.to_string(), "2".to_owned()];
    let modules = format!("{directory}/node_modules");
    let output = run(Command::new(program).env("NODE_PATH", modules).arg(script).arg(url).args(numbers));
    Some(output.trim().parse().expect("a rate"))
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}
