//! Filling an empty store, beside `redis-cli --pipe` fed with the very commands that a load sends.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use bigseg_core::StoreConfig;
use bigseg_core::testkit::RedisServer;
use bigseg_core::testkit::proxy::{Direction, Proxy};

use crate::population::fill;
use crate::rounds::{median, time};
use crate::server::{CONTEXTS, config};

const ROUNDS: usize = 5;

/// Alternates both, each on an empty server.
pub(crate) fn run() {
    let server = RedisServer::start();
    let commands = tempfile::NamedTempFile::new().expect("a temporary file");
    record(&server, commands.as_file());
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        server.client().run(&["FLUSHALL"]);
        let floor = time(1, |_| pipe(&server, commands.path()));
        server.client().run(&["FLUSHALL"]);
        let load = time(1, |_| fill(config(&server).writer().expect("the store opens"), CONTEXTS));
        rounds.push((floor, load));
    }
    let rate = |nanoseconds: f64| CONTEXTS as f64 / nanoseconds * 1e9;
    let floor = median(rounds.iter().map(|(floor, _)| rate(*floor)));
    let load = median(rounds.iter().map(|(_, load)| rate(*load)));
    let ratio = median(rounds.iter().map(|(floor, load)| floor / load));
    println!(
        "| import of {CONTEXTS} contexts, hashing and sorting included (floor: redis-cli --pipe, the same commands) | {floor:.0} contexts/s | {load:.0} contexts/s | {ratio:.2} |"
    );
}

/// Writes down what a load says, connection by connection: each is a thread of the proxy's.
fn record(server: &RedisServer, mut file: &File) {
    let said: Arc<Mutex<HashMap<ThreadId, Vec<u8>>>> = Arc::default();
    let proxy = Proxy::start(server.port(), {
        let said = said.clone();
        move |direction, bytes| {
            if direction == Direction::Request {
                let mut said = said.lock().expect("nobody panics");
                said.entry(std::thread::current().id()).or_default().extend(bytes);
            }
            bytes.len()
        }
    });
    let store = format!("redis://127.0.0.1:{}", proxy.expect("a port").port());
    fill(StoreConfig::parse(&store).expect("it parses").writer().expect("it opens"), CONTEXTS);
    for bytes in said.lock().expect("nobody panics").values() {
        file.write_all(bytes).expect("room in the temporary directory");
    }
}

/// Feeds a server with the commands in a file.
fn pipe(server: &RedisServer, commands: &Path) {
    let input = File::open(commands).expect("the file is there");
    let port = server.port().to_string();
    let mut command = Command::new("redis-cli");
    let output = command.args(["-p", &port, "--pipe"]).stdin(input).stderr(Stdio::inherit()).output();
    let said = String::from_utf8(output.expect("redis-cli is installed").stdout).expect("text");
    assert!(said.contains("errors: 0"), "{said}");
}
