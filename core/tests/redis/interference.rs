//! Interference between the commands of a patch: another writer, or a connection closed at any
//! byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bigseg::patch::{Patch, PatchOutcome};
use bigseg::store::Cursor;
use bigseg::testkit::proxy::{Direction, Proxy};
use bigseg::testkit::samples::{list, patch};
use bigseg::testkit::{RedisCluster, RedisServer, Reply, StoreModel, rounds};
use bigseg::{ErrorKind, StoreConfig};

/// A standalone server, or a cluster of one node.
struct Fixture {
    cluster: Option<RedisCluster>,
    server: Option<RedisServer>,
}

impl Fixture {
    fn both() -> [Self; 2] {
        let server = Self { cluster: None, server: Some(RedisServer::start()) };
        [server, Self { cluster: Some(RedisCluster::start(1)), server: None }]
    }

    fn server(&self) -> &RedisServer {
        match &self.cluster {
            Some(cluster) => cluster.node(0),
            None => self.server.as_ref().unwrap(),
        }
    }

    /// Returns the configuration of the store behind a port. A cluster node announces that port as
    /// its own.
    fn config(&self, port: u16, prefix: &str) -> StoreConfig {
        let scheme = match &self.cluster {
            None => "redis",
            Some(cluster) => {
                cluster.configure("cluster-announce-port", &port.to_string());
                "redis+cluster"
            }
        };
        StoreConfig::parse(&format!("{scheme}://127.0.0.1:{port}?prefix={prefix}")).unwrap()
    }
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

/// Lets another writer apply the patch and the next one, just before a writer's transaction that
/// contains `word` reaches the server. Returns the outcome of that writer.
fn overtaken_at(fixture: &Fixture, prefix: &str, word: &'static str, model: &mut StoreModel) -> PatchOutcome {
    let first = patch("s.g1", "", "1", list(&["a", "b"], &[]));
    let second = patch("s.g1", "1", "2", list(&["c"], &["a"]));
    for patch in [&first, &second] {
        assert_eq!(model.apply(patch), PatchOutcome::Applied);
    }
    let other = fixture.config(fixture.server().port(), prefix).writer().unwrap();
    // Connects now, so that its connections bypass the proxy.
    assert_eq!(
        other.apply(&patch("s.g1", "7", "8", list(&["a", "b", "c"], &[])), Cursor::Advance).unwrap(),
        PatchOutcome::DataLost
    );
    let done = AtomicBool::new(false);
    let patches = [first.clone(), second];
    let proxy = Proxy::start(fixture.server().port(), move |direction, bytes| {
        let now = direction == Direction::Request && contains(bytes, word);
        if now && !done.swap(true, Ordering::Relaxed) {
            for patch in &patches {
                assert_eq!(other.apply(patch, Cursor::Advance).unwrap(), PatchOutcome::Applied);
            }
        }
        bytes.len()
    });
    fixture.config(proxy.unwrap().port(), prefix).writer().unwrap().apply(&first, Cursor::Advance).unwrap()
}

#[test]
fn a_writer_that_is_overtaken_changes_nothing() {
    bigseg::needs!(Redis);
    for fixture in Fixture::both() {
        for (prefix, word) in [("operations", "SADD"), ("cursor", "big_segments_cursor\r\n$1\r\n1")] {
            let mut model = StoreModel::default();
            assert_eq!(
                overtaken_at(&fixture, prefix, word, &mut model),
                PatchOutcome::OutOfOrder,
                "{word:?}"
            );
            let store = fixture.config(fixture.server().port(), prefix);
            model.assert_same(&*store.scanner().unwrap());
            assert_eq!(store.writer().unwrap().cursor().unwrap().as_deref(), Some("2"));
        }
    }
}

#[test]
fn a_rejected_patch_leaves_no_watch_behind() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let [one, other] =
        [(); 2].map(|()| StoreConfig::parse(&server.store("", "prefix=p")).unwrap().writer().unwrap());
    assert_eq!(
        one.apply(&patch("s.g1", "9", "10", list(&["a"], &[])), Cursor::Advance).unwrap(),
        PatchOutcome::DataLost
    );
    assert_eq!(
        other.apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance).unwrap(),
        PatchOutcome::Applied
    );
    let watches = || {
        let Reply::Text(stats) = server.client().run(&["INFO", "commandstats"]) else {
            panic!("INFO is text")
        };
        let calls =
            stats.split("cmdstat_watch:calls=").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
        calls.parse::<u64>().unwrap()
    };
    let before = watches();
    assert_eq!(
        one.apply(&patch("s.g1", "1", "2", list(&["b"], &[])), Cursor::Advance).unwrap(),
        PatchOutcome::Applied
    );
    assert_eq!(watches() - before, 2, "one for the operations and one for the cursor, without a retry");
}

/// A patch that adds and removes in both lists.
fn sample(previous: &str, version: &str, [first, second]: [&str; 2]) -> Patch {
    let mut patch = patch("s.g1", previous, version, list(&[first], &[second]));
    patch.changes.excluded = list(&[second], &[first]);
    patch
}

#[test]
fn a_connection_may_be_cut_at_any_byte() {
    bigseg::needs!(Redis);
    Fixture::both().iter().for_each(cut_anywhere);
}

fn cut_anywhere(fixture: &Fixture) {
    let server = fixture.server();
    let before = sample("", "1", ["a", "b"]);
    let next = sample("1", "2", ["b", "a"]);
    let mut model_before = StoreModel::default();
    model_before.apply(&before);
    let mut model = model_before.clone();
    model.apply(&next);
    for direction in [Direction::Request, Direction::Reply] {
        let mut cuts = 0;
        for place in (0..).step_by(rounds(if fixture.cluster.is_some() { 11 } else { 5 }, 1)) {
            let prefix = format!("{direction:?}-{place}");
            let store = fixture.config(server.port(), &prefix);
            store.writer().unwrap().apply(&before, Cursor::Advance).unwrap();

            let left = AtomicUsize::new(place);
            let cut = Arc::new(AtomicBool::new(false));
            let was_cut = cut.clone();
            let proxy = Proxy::start(server.port(), move |sender, bytes| {
                if sender != direction || cut.load(Ordering::Acquire) {
                    return bytes.len();
                }
                let passing = bytes.len().min(left.load(Ordering::Acquire));
                left.fetch_sub(passing, Ordering::AcqRel);
                cut.store(passing < bytes.len(), Ordering::Release);
                passing
            });
            let writer = fixture.config(proxy.unwrap().port(), &prefix).writer().unwrap();
            let first = writer.apply(&next, Cursor::Advance);
            let store = fixture.config(server.port(), &prefix);
            match &first {
                Ok(outcome) => assert_eq!(*outcome, PatchOutcome::Applied, "{prefix}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::StoreUnavailable, "{prefix}: {error:?}"),
            }
            // The exchange is shorter than that: it was the last position.
            if !was_cut.load(Ordering::Acquire) {
                assert!(first.is_ok(), "{prefix}: {first:?}");
                break;
            }
            // A cursor that has moved proves that every operation was applied.
            if store.writer().unwrap().cursor().unwrap().as_deref() == Some("2") {
                model.assert_same(&*store.scanner().unwrap());
            }
            let again = writer.apply(&next, Cursor::Advance).unwrap();
            assert!(
                matches!(again, PatchOutcome::Applied | PatchOutcome::AlreadyApplied),
                "{prefix}: {again:?}"
            );
            model.assert_same(&*store.scanner().unwrap());
            assert_eq!(writer.cursor().unwrap().as_deref(), model.cursor());
            server.client().run(&["FLUSHALL"]);
            cuts += 1;
        }
        assert!(cuts > 20, "{direction:?} was cut only {cuts} times");
    }
}
