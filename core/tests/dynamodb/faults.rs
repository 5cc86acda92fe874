//! DynamoDB at its worst: throttled, failing, cutting its words short, in conflict with itself. Writers finish, and the
//! cursor never says more than is true.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bigseg::patch::{Patch, PatchOutcome};
use bigseg::store::{Cursor, StoreWriter};
use bigseg::testkit::dynamodb_faults::{cancelled, error, internal, throttled, unprocessed};
use bigseg::testkit::dynamodb_server::store_at;
use bigseg::testkit::http::Message;
use bigseg::testkit::http_proxy::{HttpProxy, Reaction, action};
use bigseg::testkit::samples::{SampleList, TestRng, hash, list, patch};
use bigseg::testkit::{DynamoDbServer, StoreModel, rounds};
use bigseg::{ErrorKind, StoreConfig};
use parking_lot::Mutex;
use serde_json::Value;

/// How many histories are played side by side: most of their time they wait.
const AT_ONCE: usize = 12;

fn config(port: u16, options: &str) -> StoreConfig {
    StoreConfig::parse(&store_at(port, options)).unwrap()
}

/// Draws a chain of patches over a few contexts; now and then a large one, of several transactions.
fn chain(rng: &mut TestRng) -> Vec<Patch> {
    let mut chain: Vec<Patch> = Vec::new();
    for step in 0..6 {
        let most = if rng.below(3) == 0 { 150 } else { 10 };
        let mut some = || {
            let count = rng.below(most);
            (0..count).map(|_| hash(&rng.below(200).to_string())).collect()
        };
        let previous = chain.last().map(|patch| patch.version.clone()).unwrap_or_default();
        let mut next = patch("s.g1", &previous, &format!("v{step}"), list(&[], &[]));
        (next.changes.included.add, next.changes.included.remove) = (some(), some());
        (next.changes.excluded.add, next.changes.excluded.remove) = (some(), some());
        chain.push(next);
    }
    chain
}

/// Works out what the store holds after each patch, by its version.
fn models(chain: &[Patch]) -> Vec<(String, StoreModel)> {
    let mut model = StoreModel::default();
    let after = |patch: &Patch| {
        assert_eq!(model.apply(patch), PatchOutcome::Applied);
        (patch.version.clone(), model.clone())
    };
    chain.iter().map(after).collect()
}

/// Applies a chain from wherever the cursor is until its end, together with others, whatever fails meanwhile.
fn follow(writer: &dyn StoreWriter, chain: &[Patch]) {
    for _ in 0..200 * chain.len() {
        let step = || {
            let cursor = writer.cursor()?.unwrap_or_default();
            match chain.iter().find(|patch| patch.previous_version == cursor) {
                Some(next) => writer.apply(next, Cursor::Advance).map(Some),
                None => Ok(None),
            }
        };
        match step() {
            Ok(None) => return,
            Ok(Some(outcome)) => assert_ne!(outcome, PatchOutcome::DataLost),
            Err(e) => assert!(e.retryable(), "{e:?}"),
        }
    }
    panic!("the writers get nowhere");
}

/// Something that goes wrong with a request; nothing is returned where it does not apply.
type Fault = fn(&mut TestRng, &Message) -> Option<Reaction>;

fn spoils_transactions(code: &'static str, rng: &mut TestRng, request: &Message) -> Option<Reaction> {
    let place = rng.below(100);
    (action(request) == "TransactWriteItems").then(|| Reaction::Respond(cancelled(request, place, code)))
}

const FAULTS: &[(&str, Fault)] = &[
    ("throttled", |_, _| Some(Reaction::Respond(throttled()))),
    ("failing", |_, _| Some(Reaction::Respond(internal()))),
    ("failing after it was done", |_, _| Some(Reaction::Replace(internal()))),
    ("throttled after it was done", |_, _| Some(Reaction::Replace(throttled()))),
    ("cut", |_, _| Some(Reaction::Disconnect)),
    ("half an answer", |rng, _| Some(Reaction::Truncate(rng.below(100)))),
    ("conflict", |rng, request| spoils_transactions("TransactionConflict", rng, request)),
    ("transaction throttled", |rng, request| spoils_transactions("ThrottlingError", rng, request)),
    ("transaction without capacity", |rng, request| {
        spoils_transactions("ProvisionedThroughputExceeded", rng, request)
    }),
    ("an update in conflict", |_, request| {
        let conflict = || error(400, "TransactionConflictException", "Transaction is ongoing for the item");
        (action(request) == "UpdateItem").then(|| Reaction::Respond(conflict()))
    }),
    ("leftovers", |rng, request| {
        (action(request) == "BatchGetItem").then(|| unprocessed(request, rng.below(20)))
    }),
];

/// Looks, at each move of the cursor that is about to succeed, whether the store holds what the cursor is going to say.
struct Watch {
    truth: StoreConfig,
    models: Vec<(String, StoreModel)>,
    moves: AtomicUsize,
}

impl Watch {
    fn see(&self, request: &Message) {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let value = |name: &str| body["ExpressionAttributeValues"][name]["S"].as_str();
        let Some(version) = value(":version") else { return };
        let writer = self.truth.writer().unwrap();
        let is_due = || writer.cursor().unwrap().as_deref() == value(":cursor");
        if !is_due() {
            return;
        }
        let mut found = std::collections::BTreeMap::new();
        let scan = self.truth.scanner().unwrap().scan(&mut |hash, membership| {
            found.insert(hash, membership);
            ControlFlow::Continue(())
        });
        scan.unwrap();
        // Unless the other writer was faster while we looked.
        if is_due() {
            let (_, model) = self.models.iter().find(|(of, _)| of == version).unwrap();
            assert!(found == model.memberships(), "the cursor runs ahead to {version}");
            self.moves.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Lets two writers follow a chain through a proxy that spoils one in `one_in` requests.
fn play(
    server: &DynamoDbServer,
    name: &str,
    seed: u64,
    faults: &'static [(&'static str, Fault)],
    one_in: usize,
) {
    let mut rng = TestRng::new(seed);
    let chain = chain(&mut rng);
    let prefix = format!("prefix={}-{seed}", name.replace(' ', "-"));
    let truth = config(server.port(), &format!("{prefix}&response_timeout=60s"));
    let watch = Arc::new(Watch { truth: truth.clone(), models: models(&chain), moves: AtomicUsize::new(0) });
    let broken = Arc::new(Mutex::new(None));
    let (rng, seeing, reporting) = (Mutex::new(rng), watch.clone(), broken.clone());
    let proxy = HttpProxy::start(server.port(), move |request| {
        let reaction = {
            let mut rng = rng.lock();
            match rng.below(one_in) {
                0 => {
                    let (_, fault) = faults[rng.below(faults.len())];
                    fault(&mut rng, request)
                }
                _ => None,
            }
        };
        if action(request) == "UpdateItem"
            && !matches!(reaction, Some(Reaction::Respond(_) | Reaction::Disconnect))
        {
            // A panic would only end the connection.
            let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| seeing.see(request)));
            if seen.is_err() {
                *reporting.lock() = Some(seed);
            }
        }
        reaction.unwrap_or(Reaction::Pass)
    });
    let spoilt = config(proxy.port(), &prefix);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let writer = spoilt.writer().unwrap();
            let chain = &chain;
            scope.spawn(move || follow(&*writer, chain));
        }
    });
    assert_eq!(*broken.lock(), None, "{name}");
    let (last, model) = watch.models.last().unwrap();
    assert_eq!(truth.writer().unwrap().cursor().unwrap().as_ref(), Some(last), "{name}, seed {seed}");
    model.assert_same(&*truth.scanner().unwrap());
    assert!(watch.moves.load(Ordering::Relaxed) > 0, "the watch has seen nothing");
}

/// Plays histories, several at once.
fn play_all(histories: impl Iterator<Item = (String, u64, &'static [(&'static str, Fault)], usize)> + Send) {
    let server = DynamoDbServer::start();
    let histories = Mutex::new(histories);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = histories.lock().next();
                    let Some((name, seed, faults, one_in)) = next else { return };
                    play(&server, &name, seed, faults, one_in);
                }
            });
        }
    });
}

#[test]
fn each_fault_alone() {
    play_all(
        FAULTS
            .iter()
            .enumerate()
            .map(|(number, fault)| (fault.0.to_owned(), number as u64, std::slice::from_ref(fault), 3)),
    );
}

#[test]
fn random_mixes() {
    play_all((0..rounds(40, 300)).map(|seed| ("mix".to_owned(), seed as u64, FAULTS, 6)));
}

#[test]
fn a_writer_outlives_answers_that_never_come() {
    let server = DynamoDbServer::start();
    let requests = AtomicUsize::new(0);
    let proxy = HttpProxy::start(server.port(), move |request| {
        match (action(request), requests.fetch_add(1, Ordering::Relaxed)) {
            ("TransactWriteItems", 1) => Reaction::Stall,
            _ => Reaction::Pass,
        }
    });
    let config = config(proxy.port(), "");
    let writer = config.writer().unwrap();
    assert_eq!(
        writer.apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance).unwrap(),
        PatchOutcome::Applied
    );
    assert!(proxy.take_counts()["TransactWriteItems"] >= 2);
}

#[test]
fn a_table_that_is_always_throttled_is_reported_as_that() {
    let server = DynamoDbServer::start();
    let proxy = HttpProxy::start(server.port(), |request| match action(request) {
        "TransactWriteItems" => Reaction::Respond(cancelled(request, 1, "ThrottlingError")),
        _ => Reaction::Pass,
    });
    let config = config(proxy.port(), "");
    let writer = config.writer().unwrap();
    let error = writer.apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreThrottled, "{error:?}");
    assert_eq!(writer.cursor().unwrap(), None);
}

/// Whatever of a patch or a list got through before the writer died, doing it again completes it.
#[test]
fn what_a_crash_leaves_behind_is_completed_by_a_replay() {
    let server = DynamoDbServer::start();
    let keys: Vec<String> = (0..250).map(|n| n.to_string()).collect();
    let everyone: Vec<&str> = keys.iter().map(String::as_str).collect();
    let patches = [
        patch("s.g1", "", "1", list(&everyone[..120], &[])),
        patch("s.g1", "1", "2", list(&everyone[120..], &everyone[..120])),
    ];
    let mut model = StoreModel::default();
    assert!(patches.iter().all(|patch| model.apply(patch) == PatchOutcome::Applied));
    // Of the cursor's read, three transactions and the cursor's move, so many get through; the last one with an answer, or
    // without.
    for (through, answered) in (0..=5).flat_map(|through| [(through, true), (through, false)]) {
        let prefix = format!("prefix={through}-{answered}");
        let truth = config(server.port(), &prefix);
        assert_eq!(
            truth.writer().unwrap().apply(&patches[0], Cursor::Advance).unwrap(),
            PatchOutcome::Applied
        );
        let requests = AtomicUsize::new(0);
        let proxy = HttpProxy::start(server.port(), move |_| {
            match (requests.fetch_add(1, Ordering::Relaxed) + 1).cmp(&through) {
                std::cmp::Ordering::Less => Reaction::Pass,
                std::cmp::Ordering::Equal if answered => Reaction::Pass,
                std::cmp::Ordering::Equal => Reaction::Truncate(0),
                std::cmp::Ordering::Greater => Reaction::Disconnect,
            }
        });
        let outcome = config(proxy.port(), &prefix).writer().unwrap().apply(&patches[1], Cursor::Advance);
        assert_eq!(outcome.is_ok(), (through, answered) == (5, true), "{prefix}: {outcome:?}");
        let expected = if through == 5 { PatchOutcome::AlreadyApplied } else { PatchOutcome::Applied };
        assert_eq!(
            truth.writer().unwrap().apply(&patches[1], Cursor::Advance).unwrap(),
            expected,
            "{prefix}"
        );
        model.assert_same(&*truth.scanner().unwrap());
    }
}

/// A writer that fell behind stops at once, wherever it is, and undoes nothing of what came after.
#[test]
fn a_writer_that_is_overtaken_changes_nothing() {
    let server = DynamoDbServer::start();
    for (prefix, at) in [("operations", "TransactWriteItems"), ("cursor", "UpdateItem")] {
        let first = patch("s.g1", "", "1", list(&["a", "b"], &[]));
        let second = patch("s.g1", "1", "2", list(&["c"], &["a"]));
        let mut model = StoreModel::default();
        for patch in [&first, &second] {
            assert_eq!(model.apply(patch), PatchOutcome::Applied);
        }
        let truth = config(server.port(), &format!("prefix={prefix}"));
        let (others, patches, done) = (truth.writer().unwrap(), [first.clone(), second], AtomicUsize::new(0));
        let proxy = HttpProxy::start(server.port(), move |request| {
            if action(request) == at && done.fetch_add(1, Ordering::Relaxed) == 0 {
                for patch in &patches {
                    assert_eq!(others.apply(patch, Cursor::Advance).unwrap(), PatchOutcome::Applied);
                }
            }
            Reaction::Pass
        });
        let late = config(proxy.port(), &format!("prefix={prefix}")).writer().unwrap();
        assert_eq!(late.apply(&first, Cursor::Advance).unwrap(), PatchOutcome::OutOfOrder, "{at}");
        model.assert_same(&*truth.scanner().unwrap());
        assert_eq!(truth.writer().unwrap().cursor().unwrap().as_deref(), Some("2"));
    }
}

#[test]
fn a_load_gets_through_and_readers_never_tell_a_wrong_membership() {
    let server = DynamoDbServer::start();
    let rng = Mutex::new(TestRng::new(99));
    let proxy = HttpProxy::start(server.port(), move |request| {
        let mut rng = rng.lock();
        let fault = match rng.below(5) {
            0 => FAULTS[rng.below(FAULTS.len())].1(&mut rng, request),
            _ => None,
        };
        fault.unwrap_or(Reaction::Pass)
    });
    let spoilt = config(proxy.port(), "response_timeout=30s");
    let everyone: Vec<_> = (0..500).map(|n| hash(&n.to_string())).collect();
    let list = || {
        let all = everyone.iter().enumerate();
        all.fold(SampleList::default(), |list, (n, hash)| {
            list.add(*hash, &format!("s.g{}", n % 7), n % 3 != 0)
        })
    };
    let writer = spoilt.writer().unwrap();
    let loads = (0..50).find(|_| {
        let mut list = list();
        let plan = list.plan(None, 7);
        writer.load(&plan, &mut list, &mut |_| {}).map_err(|e| assert!(e.retryable(), "{e:?}")).is_ok()
    });
    assert!(loads.is_some(), "no load went through");
    let reader = spoilt.reader().unwrap();
    let mut answered = 0;
    for round in 0..60 {
        match pollster::block_on(reader.memberships(&everyone[round..round + 1 + round * 7])) {
            Ok(found) => {
                answered += 1;
                for (n, found) in found.into_iter().enumerate() {
                    let n = n + round;
                    assert_eq!(
                        found.unwrap().check(&format!("s.g{}", n % 7)),
                        Some(n % 3 != 0),
                        "context {n}"
                    );
                }
            }
            Err(e) => assert!(e.retryable(), "{e:?}"),
        }
    }
    assert!(answered > 20, "only {answered} of 60 reads were answered");
}
