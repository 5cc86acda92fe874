//! Filling an empty store, compared with `redis-cli --pipe` and the commands that a load sends.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use bigseg::store::{Entry, LoadEntry, LoadPlan, LoadSource};
use bigseg::testkit::proxy::{Direction, Proxy};
use bigseg::testkit::{RedisCluster, RedisServer};
use bigseg::{ContextHash, Result, SegmentRef, StoreConfig};

use crate::population::{fill, hash};
use crate::rounds::{median, time};
use crate::server::{CONTEXTS, config};

const ROUNDS: usize = 5;
const SEGMENTS: usize = 20;

/// Alternates both, each on empty servers.
pub(crate) fn run() {
    let server = RedisServer::start();
    let cluster = RedisCluster::start(3);
    let in_cluster = StoreConfig::parse(&cluster.store("", "")).expect("a good store string");
    let commands = tempfile::NamedTempFile::new().expect("a temporary file");
    let hashes: Vec<ContextHash> = (0..CONTEXTS).map(hash).collect();
    record(&server, &hashes, commands.as_file());
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let empty = || drop(server.client().run(&["FLUSHALL"]));
        empty();
        let floor = time(1, |_| pipe(&server, commands.path()));
        empty();
        let one = time(1, |_| load(&config(&server), &hashes));
        cluster.run_everywhere(&["FLUSHALL"]);
        let three = time(1, |_| load(&in_cluster, &hashes));
        empty();
        let import = time(1, |_| fill(config(&server).writer().expect("the store opens"), CONTEXTS));
        rounds.push([floor, one, three, import]);
    }
    let rate = |nanoseconds: f64| CONTEXTS as f64 / nanoseconds * 1e9;
    let floor = median(rounds.iter().map(|round| rate(round[0])));
    let whats = ["a list", "a list, into three masters", "an import, hashing and sorting included"];
    for (n, what) in whats.into_iter().enumerate() {
        let ours = median(rounds.iter().map(|round| rate(round[n + 1])));
        let ratio = median(rounds.iter().map(|round| round[0] / round[n + 1]));
        println!(
            "| {what} of {CONTEXTS} contexts (floor: redis-cli --pipe, the commands of the first) | {floor:.0} contexts/s | {ours:.0} contexts/s | {ratio:.2} |"
        );
    }
}

/// A list that is generated at almost no cost: each context is in 1 to 3 segments.
struct List<'a> {
    hashes: &'a [ContextHash],
    next: usize,
}

impl LoadSource for List<'_> {
    fn next(&mut self, entries: &mut Vec<LoadEntry>) -> Result<Option<ContextHash>> {
        entries.clear();
        let Some(hash) = self.hashes.get(self.next) else { return Ok(None) };
        let segments = (0..1 + self.next % 3).map(|nth| (self.next * 7 + nth * 11) % SEGMENTS);
        entries.extend(segments.map(|segment| LoadEntry { segment: segment as u32, entry: Entry::Include }));
        self.next += 1;
        Ok(Some(*hash))
    }
}

fn load(store: &StoreConfig, hashes: &[ContextHash]) {
    let refs = (0..SEGMENTS).map(|segment| SegmentRef::from_store(format!("segment-{segment}.g1"))).collect();
    let plan = LoadPlan { refs, replace: None, synchronized_on: 1 };
    let writer = store.writer().expect("the store opens");
    writer.load(&plan, &mut List { hashes, next: 0 }, &mut |_| {}).expect("the store takes it");
}

/// Records the commands of a load, connection by connection: the proxy has a thread for each.
fn record(server: &RedisServer, hashes: &[ContextHash], mut file: &File) {
    let recorded: Arc<Mutex<HashMap<ThreadId, Vec<u8>>>> = Arc::default();
    let proxy = Proxy::start(server.port(), {
        let recorded = recorded.clone();
        move |direction, bytes| {
            if direction == Direction::Request {
                let mut recorded = recorded.lock().expect("no panic");
                recorded.entry(std::thread::current().id()).or_default().extend(bytes);
            }
            bytes.len()
        }
    });
    let store = format!("redis://127.0.0.1:{}", proxy.expect("a port").port());
    load(&StoreConfig::parse(&store).expect("it parses"), hashes);
    for bytes in recorded.lock().expect("no panic").values() {
        file.write_all(bytes).expect("room in the temporary directory");
    }
}

/// Sends the commands in a file to a server.
fn pipe(server: &RedisServer, commands: &Path) {
    let input = File::open(commands).expect("the file exists");
    let port = server.port().to_string();
    let mut command = Command::new("redis-cli");
    let output = command.args(["-p", &port, "--pipe"]).stdin(input).stderr(Stdio::inherit()).output();
    let text = String::from_utf8(output.expect("redis-cli is installed").stdout).expect("text");
    assert!(text.contains("errors: 0"), "{text}");
}
