//! Writers of one store: races, failures, and what a failure leaves in the store.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bigseg::import::{Entry, Import, ImportOptions};
use bigseg::patch::{Patch, PatchOutcome};
use bigseg::store::{Cursor, StoreWriter};
use bigseg::testkit::proxy::{Direction, Proxy};
use bigseg::testkit::samples::{SampleList, TestRng, hash, list, patch};
use bigseg::testkit::{RedisServer, Reply, StoreModel, rounds};
use bigseg::{ErrorKind, StoreConfig};

fn config(server: &RedisServer, options: &str) -> StoreConfig {
    StoreConfig::parse(&server.store("", options)).unwrap()
}

/// Generates a chain of patches over a few contexts. Some are large and take several transactions.
fn chain(rng: &mut TestRng, contexts: usize) -> Vec<Patch> {
    let mut chain: Vec<Patch> = Vec::new();
    for step in 0..12 {
        let most = if rng.below(4) == 0 { 2500 } else { 20 };
        let mut some = || {
            let count = rng.below(most);
            (0..count).map(|_| hash(&rng.below(contexts).to_string())).collect()
        };
        let previous = chain.last().map(|patch| patch.version.clone()).unwrap_or_default();
        let mut next = patch("s.g1", &previous, &format!("v{step}"), list(&[], &[]));
        (next.changes.included.add, next.changes.included.remove) = (some(), some());
        (next.changes.excluded.add, next.changes.excluded.remove) = (some(), some());
        chain.push(next);
    }
    chain
}

/// Applies a chain from the cursor to its end, while other writers do the same.
fn follow(writer: &dyn StoreWriter, chain: &[Patch]) {
    for _ in 0..100 * chain.len() {
        let cursor = writer.cursor().unwrap().unwrap_or_default();
        let Some(next) = chain.iter().find(|patch| patch.previous_version == cursor) else { return };
        let outcome = writer.apply(next, Cursor::Advance).unwrap();
        assert_ne!(outcome, PatchOutcome::DataLost);
    }
    panic!("the writers make no progress");
}

#[test]
fn writers_that_race_lose_nothing() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    for seed in 0..rounds(20, 1000) {
        let mut rng = TestRng::new(seed as u64);
        let chain = chain(&mut rng, 3000);
        let mut model = StoreModel::default();
        for patch in &chain {
            assert_eq!(model.apply(patch), PatchOutcome::Applied);
        }
        let config = config(&server, &format!("prefix=race-{seed}"));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let writer = config.writer().unwrap();
                let chain = &chain;
                scope.spawn(move || follow(&*writer, chain));
            }
        });
        assert_eq!(config.writer().unwrap().cursor().unwrap().as_deref(), model.cursor(), "seed {seed}");
        model.assert_same(&*config.scanner().unwrap());
        server.client().run(&["FLUSHALL"]);
    }
}

#[test]
fn a_foreign_client_that_keeps_setting_the_lock_does_no_harm() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let writer = config(&server, "").writer().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = server.client();
            while !done.load(Ordering::Relaxed) {
                client.run(&["SET", "launchdarkly:big_segments_lock", ""]);
                std::thread::yield_now();
            }
        });
        let outcome = writer.apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance);
        done.store(true, Ordering::Relaxed);
        match outcome {
            Ok(outcome) => assert_eq!(outcome, PatchOutcome::Applied),
            // Never a wrong outcome: at worst the writer exhausts its attempts.
            Err(error) => assert_eq!(error.kind(), ErrorKind::StoreUnavailable, "{error:?}"),
        }
    });
    assert_ne!(
        writer.apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance).unwrap(),
        PatchOutcome::OutOfOrder
    );
    assert_eq!(writer.cursor().unwrap().as_deref(), Some("1"));
}

#[test]
fn an_operation_that_fails_keeps_the_cursor() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let writer = config(&server, "").writer().unwrap();
    let reader = config(&server, "").reader().unwrap();
    writer.apply(&patch("s.g1", "", "1", list(&["before"], &[])), Cursor::Advance).unwrap();
    let bad = format!("launchdarkly:big_segment_include:{}", hash("bad"));
    server.client().run(&["SET", &bad, "not a set"]);
    let next = patch("s.g1", "1", "2", list(&["good", "bad"], &["before"]));
    for _ in 0..2 {
        let error = writer.apply(&next, Cursor::Advance).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreData, "{error:?}");
        assert!(error.message().contains("WRONGTYPE"), "{error}");
        assert_eq!(writer.cursor().unwrap().as_deref(), Some("1"));
    }
    // Redis does not roll back, so the rest was written. Once the key is repaired, the same patch
    // completes it.
    server.client().run(&["DEL", &bad]);
    assert_eq!(writer.apply(&next, Cursor::Advance).unwrap(), PatchOutcome::Applied);
    let answers = pollster::block_on(reader.memberships(&["good", "bad", "before"].map(hash))).unwrap();
    let checks: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().check("s.g1")).collect();
    assert_eq!(checks, [Some(true), Some(true), None]);
}

#[test]
fn a_rejected_write_is_reported_with_the_reason() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let writer = config(&server, "").writer().unwrap();
    writer.apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance).unwrap();
    let next = patch("s.g1", "1", "2", list(&["b"], &["a"]));
    let assert_rejected = |set: [&str; 2], kind: ErrorKind, word: &str| {
        assert_eq!(server.client().run(&["CONFIG", "SET", set[0], set[1]]), Reply::Text("OK".to_owned()));
        for error in
            [writer.apply(&next, Cursor::Advance).unwrap_err(), writer.set_synchronized_on(1).unwrap_err()]
        {
            assert_eq!(error.kind(), kind, "{error:?}");
            assert!(error.message().contains(word), "{error}");
        }
        assert_eq!(writer.cursor().unwrap().as_deref(), Some("1"));
    };
    assert_rejected(["maxmemory", "1"], ErrorKind::StoreFull, "maxmemory");
    server.client().run(&["CONFIG", "SET", "maxmemory", "0"]);
    server.client().run(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_rejected(["replica-serve-stale-data", "yes"], ErrorKind::StoreUnavailable, "replica");
    server.client().run(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    let error = writer.cursor().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
    assert!(error.message().contains("lost its master"), "{error}");
    server.client().run(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(writer.apply(&next, Cursor::Advance).unwrap(), PatchOutcome::Applied);
}

#[test]
fn a_writer_survives_a_restart_and_reports_the_data_loss() {
    bigseg::needs!(Redis);
    let mut server = RedisServer::start();
    let writer = config(&server, "").writer().unwrap();
    writer.apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance).unwrap();
    let next = patch("s.g1", "1", "2", list(&["b"], &[]));
    server.kill();
    assert_eq!(
        writer.apply(&next, Cursor::Advance).unwrap_err().kind(),
        ErrorKind::StoreUnavailable,
        "the connection is lost"
    );
    assert_eq!(
        writer.apply(&next, Cursor::Advance).unwrap_err().kind(),
        ErrorKind::StoreUnavailable,
        "the server is down"
    );
    server.restart();
    assert_eq!(writer.apply(&next, Cursor::Advance).unwrap(), PatchOutcome::DataLost);
    assert_eq!(writer.cursor().unwrap(), None);
}

#[test]
fn replacing_without_scan_fails_before_anything_is_changed() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    server.add_user("writer", bigseg::testkit::redis_server::WRITER_COMMANDS);
    let writer = StoreConfig::parse(&server.store("writer:secret", "")).unwrap().writer().unwrap();
    let mut load = SampleList::default().add(hash("a"), "s.g1", true);
    let plan = load.plan(Some("s.g1"), 1);
    let error = writer.load(&plan, &mut load, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorePermission);
    assert!(error.message().contains("SCAN"), "{error}");
    assert_eq!(server.client().sorted(&["KEYS", "*"]), [""; 0]);
}

/// Imports contexts. Returns how many the store has confirmed, and the outcome.
fn import(store: &StoreConfig, contexts: usize, resume_after: u64) -> (u64, bigseg::Result<u64>) {
    let options = ImportOptions { resume_after, ..ImportOptions::default() };
    let mut import = Import::new(store.writer().unwrap(), options);
    for n in 0..contexts {
        import.add(hash(&n.to_string()), "s.g1", Entry::Include).unwrap();
    }
    let mut confirmed = 0;
    let report = import.finish(&mut |done| confirmed = done.contexts);
    (confirmed, report.map(|report| report.contexts))
}

#[test]
fn an_interrupted_import_resumes_where_it_stopped() {
    bigseg::needs!(Redis);
    const CONTEXTS: usize = 30_000;
    let server = RedisServer::start();
    let left = AtomicUsize::new(150_000);
    let proxy = Proxy::start(server.port(), move |direction, bytes| match direction {
        Direction::Request => bytes.len(),
        Direction::Reply => {
            let passing = bytes.len().min(left.load(Ordering::Relaxed));
            left.fetch_sub(passing, Ordering::Relaxed);
            passing
        }
    });
    let through_proxy = StoreConfig::parse(&format!("redis://127.0.0.1:{}", proxy.unwrap().port())).unwrap();
    let (confirmed, outcome) = import(&through_proxy, CONTEXTS, 0);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::StoreUnavailable);
    assert!((1..CONTEXTS as u64).contains(&confirmed), "{confirmed} confirmed");
    let store = config(&server, "");
    assert_eq!(pollster::block_on(store.reader().unwrap().metadata()).unwrap().synchronized_on, None);

    // Confirmed contexts are not written again.
    server.client().run(&["CONFIG", "RESETSTAT"]);
    let (written, outcome) = import(&store, CONTEXTS, confirmed);
    assert_eq!((written, outcome.unwrap()), (CONTEXTS as u64, CONTEXTS as u64));
    let Reply::Text(stats) = server.client().run(&["INFO", "commandstats"]) else { panic!("INFO is text") };
    assert!(stats.contains(&format!("cmdstat_sadd:calls={},", CONTEXTS as u64 - confirmed)), "{stats}");
    assert_eq!(server.client().run(&["DBSIZE"]), Reply::Number(CONTEXTS as i64 + 1));
    // An import cannot resume after more contexts than it has.
    let error = import(&store, 10, 11).1.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("use the lists of the interrupted import"), "{error}");
}
