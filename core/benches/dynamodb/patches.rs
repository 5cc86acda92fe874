//! A large patch, beside transactions of 24, which is what the limit once was.

use bigseg::store::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bigseg::patch::{ListChanges, PatchOutcome};
use bigseg::testkit::DynamoDbServer;
use bigseg::testkit::dynamodb_server::store_at;
use bigseg::testkit::http_proxy::{HttpProxy, Reaction, action};
use bigseg::testkit::samples::patch;
use bigseg::{ContextHash, StoreConfig};

use crate::population::hash;
use crate::raw_sdk::RawSdk;
use crate::rounds::time;

const OPERATIONS: usize = 10_000;
const UPDATES: usize = 24;

pub(crate) fn run() {
    let server = DynamoDbServer::start();
    let hashes: Vec<ContextHash> = (0..OPERATIONS).map(hash).collect();
    let raw_sdk = RawSdk::connect(&server);
    let floor = time(1, |_| raw_sdk.join(&hashes, UPDATES)) / 1e9;

    // Items of transactions, by the requests themselves.
    let items = Arc::new(AtomicUsize::new(0));
    let seen = items.clone();
    let proxy = HttpProxy::start(server.port(), move |request| {
        if action(request) == "TransactWriteItems" {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
            seen.fetch_add(body["TransactItems"].as_array().map_or(0, Vec::len), Ordering::Relaxed);
        }
        Reaction::Pass
    });
    let patch = patch("patched.g1", "", "1", ListChanges { add: hashes, remove: Vec::new() });
    let apply = |port, prefix| {
        let store = store_at(port, &format!("response_timeout=60s&prefix={prefix}"));
        let config = StoreConfig::parse(&store).expect("a good store string");
        let writer = config.writer().expect("the store opens");
        time(1, |_| {
            assert_eq!(writer.apply(&patch, Cursor::Advance).expect("it applies"), PatchOutcome::Applied)
        }) / 1e9
    };
    let ours = apply(server.port(), "timed");
    apply(proxy.port(), "counted");

    let what =
        format!("a patch of {OPERATIONS} operations (floor: transactions of {UPDATES}, one after the other)");
    println!("| {what} | {floor:.2} s | {ours:.2} s | {:.2} |", ours / floor);
    let (requests, of_24) = (proxy.take_counts().values().sum::<usize>(), OPERATIONS.div_ceil(UPDATES));
    // The cursor has to be read and moved by either.
    let of_24_in_all = of_24 + 2;
    println!("| its requests | {of_24_in_all} | {requests} | {:.3} |", requests as f64 / of_24_in_all as f64);
    // Two for each item of a transaction, one for the cursor.
    let (floor, ours) = (2 * (OPERATIONS + of_24) + 1, 2 * items.load(Ordering::Relaxed) + 1);
    println!("| its write units | {floor} | {ours} | {:.3} |", ours as f64 / floor as f64);
}
