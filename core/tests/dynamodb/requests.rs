//! The requests that operations send to DynamoDB, because requests are what it bills.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::fixture::eventually;
use bigseg::patch::PatchOutcome;
use bigseg::store::{Cursor, Limitation};
use bigseg::testkit::dynamodb_faults::denied;
use bigseg::testkit::dynamodb_server::store_at;
use bigseg::testkit::http_proxy::{HttpProxy, Reaction, action};
use bigseg::testkit::samples::{SampleList, hash, list, patch};
use bigseg::testkit::{DynamoDbServer, StoreModel};
use bigseg::{Clock, ContextHash, Engine, EngineConfig, StoreConfig};
use futures_util::FutureExt;
use futures_util::future::join_all;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// A server, and a proxy that records the requests.
struct Recorded {
    server: DynamoDbServer,
    proxy: HttpProxy,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
    /// While it is set, nothing is passed on.
    held: Arc<AtomicBool>,
}

impl Recorded {
    fn start() -> Self {
        Self::without(&[])
    }

    /// Denies some actions.
    fn without(denied_actions: &'static [&'static str]) -> Self {
        let server = DynamoDbServer::start();
        let requests: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let held: Arc<AtomicBool> = Arc::default();
        let (seen, holds) = (requests.clone(), held.clone());
        let proxy = HttpProxy::start(server.port(), move |request| {
            let action = action(request).to_owned();
            seen.lock().push((action.clone(), serde_json::from_slice(&request.body).unwrap_or_default()));
            eventually("requests pass", || !holds.load(Ordering::Relaxed));
            if denied_actions.contains(&&*action) {
                Reaction::Respond(denied(&action))
            } else {
                Reaction::Pass
            }
        });
        Self { server, proxy, requests, held }
    }

    /// The store without the proxy.
    fn direct(&self) -> StoreConfig {
        StoreConfig::parse(&self.server.store("response_timeout=60s")).unwrap()
    }

    fn store(&self, options: &str) -> StoreConfig {
        StoreConfig::parse(&store_at(self.proxy.port(), &format!("response_timeout=60s&{options}"))).unwrap()
    }

    /// Returns the requests since the last look.
    fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.requests.lock())
    }

    fn take_actions(&self) -> Vec<String> {
        self.take().into_iter().map(|(action, _)| action).collect()
    }
}

fn hashes(count: usize) -> Vec<ContextHash> {
    (0..count).map(|n| hash(&n.to_string())).collect()
}

#[test]
fn a_lone_lookup_is_one_read_and_consistent_unless_told_otherwise() {
    let recorded = Recorded::start();
    for (options, consistent) in [("", true), ("consistency=eventual", false)] {
        let reader = recorded.store(options).reader().unwrap();
        pollster::block_on(reader.memberships(&hashes(1))).unwrap();
        pollster::block_on(reader.memberships(&hashes(2))).unwrap();
        pollster::block_on(reader.metadata()).unwrap();
        let requests = recorded.take();
        let [(lone, one), (batch, two), (poll, metadata)] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!([&**lone, batch, poll], ["GetItem", "BatchGetItem", "GetItem"]);
        assert_eq!(one["ConsistentRead"], json!(consistent));
        assert_eq!(two["RequestItems"]["segments"]["ConsistentRead"], json!(consistent));
        assert_eq!(metadata["ConsistentRead"], json!(true));
    }
}

#[test]
fn batches_are_full_and_name_each_context_once() {
    let recorded = Recorded::start();
    let reader = recorded.store("").reader().unwrap();
    let mut repeated = hashes(250);
    repeated.extend(hashes(250));
    assert_eq!(pollster::block_on(reader.memberships(&repeated)).unwrap().len(), 500);
    let mut sizes: Vec<usize> = recorded
        .take()
        .iter()
        .map(|(_, body)| body["RequestItems"]["segments"]["Keys"].as_array().unwrap().len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100, 100]);
}

/// The rival sends one request for each of them.
#[test]
fn sixty_four_lookups_at_once_are_three_requests_at_most() {
    let recorded = Recorded::start();
    let writer = recorded.direct().writer().unwrap();
    let keys: Vec<String> = (0..64).map(|n| n.to_string()).collect();
    let everyone: Vec<&str> = keys.iter().map(String::as_str).collect();
    writer.apply(&patch("s.g1", "", "1", list(&everyone, &[])), Cursor::Advance).unwrap();
    writer.set_synchronized_on(Clock::System.unix_millis()).unwrap();
    let config = EngineConfig::new(&store_at(recorded.proxy.port(), "response_timeout=60s"))
        .unwrap()
        .with_status_poll_interval(Duration::from_secs(3600))
        .with_lookup_deadline(Duration::from_secs(60));
    let engine = Engine::open(config).unwrap();
    eventually("the first poll is done", || engine.metrics().status_polls == 1);
    recorded.take();
    recorded.held.store(true, Ordering::Relaxed);
    // The first query is held until all lookups wait: each joins the queue when it is polled first.
    let mut lookups = std::pin::pin!(join_all(keys.iter().map(|key| engine.membership(key).into_future())));
    assert!(lookups.as_mut().now_or_never().is_none());
    assert_eq!(engine.metrics().cache_misses, 64);
    recorded.held.store(false, Ordering::Relaxed);
    let answers = pollster::block_on(lookups);
    assert!(answers.into_iter().all(|answer| answer.unwrap().check("s.g1") == Some(true)));
    let requests = recorded.take_actions();
    assert!(requests.len() <= 3, "{requests:?}");
}

#[test]
fn a_refused_batch_is_not_tried_again_soon_and_shows() {
    let recorded = Recorded::without(&["BatchGetItem"]);
    recorded
        .direct()
        .writer()
        .unwrap()
        .apply(&patch("s.g1", "", "1", list(&["7"], &[])), Cursor::Advance)
        .unwrap();
    let reader = recorded.store("").reader().unwrap();
    assert_eq!(reader.limitations(), []);
    for _ in 0..2 {
        let found = pollster::block_on(reader.memberships(&hashes(150))).unwrap();
        let members: Vec<_> = (0..150).filter(|n| !found[*n].as_ref().unwrap().is_empty()).collect();
        assert_eq!(members, [7]);
    }
    let requests = recorded.take_actions();
    let batches = requests.iter().filter(|action| *action == "BatchGetItem").count();
    assert!(batches <= 2, "as many as were needed the first time, and none after it: {batches}");
    assert_eq!(requests.len() - batches, 300);
    let limitations = reader.limitations();
    assert_eq!(limitations.len(), 1);
    assert_eq!(limitations[0].feature, Limitation::BATCHED_READS);
    assert!(limitations[0].reason.contains("grant dynamodb:BatchGetItem"), "{limitations:?}");
}

/// DynamoDB answers with 16 MB at most, and leaves the rest unprocessed.
#[test]
fn an_answer_that_is_too_long_is_asked_for_in_parts() {
    let recorded = Recorded::start();
    let client = recorded.server.client();
    let refs: Vec<String> = (0..38).map(|n| format!("{}-{n}.g1", "x".repeat(10_000))).collect();
    let requested = hashes(50);
    for hash in &requested {
        let item = json!({
            "namespace": {"S": "big_segments_user"}, "key": {"S": hash.to_string()}, "included": {"SS": refs},
        });
        client.run("PutItem", json!({ "Item": item }));
    }
    let reader = recorded.store("").reader().unwrap();
    let found = pollster::block_on(reader.memberships(&requested)).unwrap();
    assert!(found.iter().all(|found| found.as_ref().unwrap().len() == refs.len()));
    assert_eq!(recorded.take_actions(), ["BatchGetItem", "BatchGetItem"]);

    // A scan reads pages of a megabyte.
    let mut met = Vec::new();
    let scan = recorded.store("").scanner().unwrap().scan(&mut |hash, _| {
        met.push(hash);
        ControlFlow::Continue(())
    });
    scan.unwrap();
    met.sort_unstable();
    let mut expected = requested;
    expected.sort_unstable();
    assert_eq!(met, expected);
    let pages = recorded.take_actions();
    assert!(pages.len() > 10 && pages.iter().all(|action| action == "Query"), "{pages:?}");
    let mut empty = SampleList::default();
    let plan = empty.plan(Some(&refs[5]), 1);
    let report = recorded.store("").writer().unwrap().load(&plan, &mut empty, &mut |_| {}).unwrap();
    assert_eq!(report.replaced, 50);
}

#[test]
fn a_patch_of_ten_thousand_operations_is_104_requests() {
    let recorded = Recorded::start();
    let keys: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let everyone: Vec<&str> = keys.iter().map(String::as_str).collect();
    let patch = patch("s.g1", "", "1", list(&everyone[..6000], &everyone[6000..]));
    let writer = recorded.store("").writer().unwrap();
    assert_eq!(writer.apply(&patch, Cursor::Advance).unwrap(), PatchOutcome::Applied);
    let requests = recorded.take();
    let transactions: Vec<usize> =
        requests.iter().filter_map(|(_, body)| Some(body["TransactItems"].as_array()?.len())).collect();
    // The cursor is read once and moved once.
    assert_eq!((requests.len(), transactions.len()), (104, 102));
    let with_24_each = 10_000_usize.div_ceil(24) + 2;
    assert!(requests.len() <= with_24_each / 4, "{} of {with_24_each}", requests.len());
    // Two write units for each item of a transaction, its check included.
    let units = |items: usize| 2 * items;
    let (ours, theirs) = (units(transactions.iter().sum()), units(10_000 + 10_000_usize.div_ceil(24)));
    assert_eq!(ours, 2 * (10_000 + 102));
    assert!(ours <= theirs, "{ours} write units, where transactions of 24 cost {theirs}");
    let mut model = StoreModel::default();
    model.apply(&patch);
    model.assert_same(&*recorded.direct().scanner().unwrap());
}

#[test]
fn a_context_in_both_lists_is_one_item_of_a_transaction() {
    let recorded = Recorded::start();
    let mut both = patch("s.g1", "", "1", list(&["a", "b"], &["c"]));
    both.changes.excluded = list(&["c", "d"], &["a", "e"]);
    let mut model = StoreModel::default();
    model.apply(&both);
    assert_eq!(
        recorded.store("").writer().unwrap().apply(&both, Cursor::Advance).unwrap(),
        PatchOutcome::Applied
    );
    let requests = recorded.take();
    assert_eq!(requests[1].1["TransactItems"].as_array().unwrap().len(), 1 + 5);
    model.assert_same(&*recorded.direct().scanner().unwrap());
}

#[test]
fn a_load_is_one_update_for_each_context_or_two() {
    let recorded = Recorded::start();
    let list = SampleList::default()
        .add(hash("a"), "s.g1", true)
        .add(hash("a"), "t.g1", true)
        .add(hash("b"), "s.g1", false)
        .add(hash("c"), "s.g1", true)
        .add(hash("c"), "t.g1", false);
    let plan = list.plan(None, 1);
    let mut list = list;
    recorded.store("").writer().unwrap().load(&plan, &mut list, &mut |_| {}).unwrap();
    assert_eq!(recorded.take_actions(), ["UpdateItem"; 5], "the last one marks the store");
}

#[test]
fn a_load_keeps_within_its_rate() {
    let recorded = Recorded::start();
    let mut list =
        hashes(30).into_iter().fold(SampleList::default(), |list, hash| list.add(hash, "s.g1", true));
    let plan = list.plan(None, 1);
    let writer = recorded.store("write_units_per_second=100").writer().unwrap();
    let began = Clock::System.now();
    writer.load(&plan, &mut list, &mut |_| {}).unwrap();
    let took = Clock::System.now().since(began);
    assert!(took >= Duration::from_millis(290), "30 write units took {took:?}");
}
