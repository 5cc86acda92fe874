//! A cluster while slots move and nodes are down: answers, latency, and recovery.

use std::time::Duration;

use crate::fixture::eventually;
use crate::redis_fixture::{NO_DEADLINE, RedisFixture};
use bigseg::patch::PatchOutcome;
use bigseg::store::{Cursor, StoreReader};
use bigseg::testkit::redis_server::READER_COMMANDS;
use bigseg::testkit::samples::{hash, list, membership, patch};
use bigseg::testkit::{RedisCluster, Reply};
use bigseg::{Clock, ContextHash, ErrorKind, LookupStatus, StoreConfig};

const CONTEXTS: usize = 60;

fn names() -> Vec<String> {
    (0..CONTEXTS).map(|n| n.to_string()).collect()
}

fn hashes() -> Vec<ContextHash> {
    names().iter().map(|name| hash(name)).collect()
}

fn key(name: &str) -> String {
    format!("launchdarkly:big_segment_include:{}", hash(name))
}

/// Puts all contexts into a segment.
fn fill(cluster: &RedisCluster) {
    let writer = StoreConfig::parse(&cluster.store("", "")).unwrap().writer().unwrap();
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(
        writer.apply(&patch("s.g1", "", "1", list(&names, &[])), Cursor::Advance).unwrap(),
        PatchOutcome::Applied
    );
    writer.set_synchronized_on(Clock::System.unix_millis()).unwrap();
}

/// Looks up while time stands still: an answer proves that no deadline passed.
fn are_healthy(fixture: &RedisFixture) -> bool {
    names().iter().all(|name| {
        let answer = fixture.ask(name);
        answer.status == LookupStatus::Healthy && answer.check("s.g1") == Some(true)
    })
}

fn read(reader: &dyn StoreReader) -> Vec<bool> {
    let answers = pollster::block_on(reader.memberships(&hashes())).unwrap();
    answers.into_iter().map(|answer| answer.is_ok_and(|found| found == membership(&["s.g1"], &[]))).collect()
}

#[test]
fn slots_may_move_while_they_are_read() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(2);
    fill(&cluster);
    cluster.add_user("reader", &[READER_COMMANDS, &["+asking"]].concat());
    cluster.add_user("minimal", READER_COMMANDS);
    let reader = |login| StoreConfig::parse(&cluster.store(login, "")).unwrap().reader().unwrap();
    let readers = ["", "reader:secret"].map(reader);
    let minimal = reader("minimal:secret");
    let assert_all = |step: &str| {
        for reader in &readers {
            assert_eq!(read(&**reader), [true; CONTEXTS], "{step}");
            pollster::block_on(reader.metadata()).unwrap();
        }
    };
    assert_all("at first");
    for name in ["0", "1", "2"] {
        let slot = cluster.slot(&key(name));
        let from = cluster.first_owner(slot);
        let to = 1 - cluster.first_owner(slot);
        cluster.begin_moving(slot, from, to);
        assert_all("the slot begins to move");
        while cluster.move_keys(slot, from, to, 1) > 0 {
            assert_all("its keys move");
        }
        // Without the permission for ASKING, only the context in the moving slot fails.
        let expected: Vec<bool> = names().iter().map(|other| cluster.slot(&key(other)) != slot).collect();
        assert_eq!(read(&*minimal), expected);
        let answer = pollster::block_on(minimal.memberships(&[hash(name)])).unwrap().into_vec().remove(0);
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorePermission, "{error:?}");
        assert!(error.message().contains("being moved"), "{error}");
        cluster.finish_moving(slot, from, to);
        assert_all("the slot has moved");
        assert_eq!(read(&*minimal), [true; CONTEXTS], "the new owner is found without CLUSTER SLOTS");
    }
}

/// Other contexts are served. The store is unavailable, and the error names the node.
#[test]
fn a_node_that_is_down_fails_only_its_own_contexts() {
    bigseg::needs!(Redis);
    let mut cluster = RedisCluster::start(3);
    cluster.configure("cluster-require-full-coverage", "no");
    fill(&cluster);
    cluster.add_user("reader", READER_COMMANDS);
    let sync = cluster.first_owner(cluster.slot("launchdarkly:big_segments_synchronized_on"));
    let down = (sync + 1) % 3;
    let others: Vec<bool> = names()
        .iter()
        .map(|name| {
            let exclude = key(name).replace("include", "exclude");
            [key(name), exclude].iter().all(|key| cluster.first_owner(cluster.slot(key)) != down)
        })
        .collect();
    assert!(others.contains(&true) && others.contains(&false));
    let stores = [
        cluster.store("", "response_timeout=200ms"),
        cluster.store("reader:secret", "response_timeout=200ms"),
    ];
    let fixtures = stores.each_ref().map(|store| RedisFixture::start(store, NO_DEADLINE));
    let readers = stores.map(|store| StoreConfig::parse(&store).unwrap().reader().unwrap());
    for fixture in &fixtures {
        fixture.eventually("the engine is healthy", || are_healthy(fixture));
    }
    let address = format!("127.0.0.1:{}", cluster.node(down).port());
    for round in 0..2 {
        match round {
            0 => cluster.node(down).freeze(),
            _ => cluster.node_mut(down).kill(),
        }
        for (fixture, reader) in fixtures.iter().zip(&readers) {
            fixture.eventually("the outage is detected", || !fixture.engine.status().available);
            let error = fixture.engine.status().last_error.unwrap().message;
            assert!(error.contains(&address), "{error}");
            eventually("contexts of other nodes are served", || {
                let answers = pollster::block_on(reader.memberships(&hashes()));
                answers.is_ok_and(|answers| answers.iter().map(Result::is_ok).collect::<Vec<_>>() == others)
            });
            for (name, is_served) in names().iter().zip(&others) {
                let answer = fixture.ask(name);
                assert_eq!(answer.status, LookupStatus::StoreError);
                assert_eq!(answer.check("s.g1"), Some(true), "{name} has at least a last known answer");
                assert_eq!(answer.error.is_none(), *is_served, "{name}: {:?}", answer.error);
            }
            assert!(pollster::block_on(reader.metadata()).is_err());
        }
        if round == 0 {
            cluster.node(down).thaw();
            for fixture in &fixtures {
                fixture.eventually("the engine is healthy again", || are_healthy(fixture));
            }
        }
    }
}

#[test]
fn a_replica_takes_over() {
    bigseg::needs!(Redis);
    let mut cluster = RedisCluster::start_with_replicas(3);
    fill(&cluster);
    cluster.add_user("reader", READER_COMMANDS);
    let stores = [
        cluster.store("", "response_timeout=200ms"),
        cluster.store("reader:secret", "response_timeout=200ms"),
        cluster.store("", "response_timeout=200ms&read_from=replica"),
    ];
    let fixtures = stores.each_ref().map(|store| RedisFixture::start(store, NO_DEADLINE));
    for fixture in &fixtures {
        fixture.eventually("the engine is healthy", || are_healthy(fixture));
    }
    let writer = StoreConfig::parse(&stores[0]).unwrap().writer().unwrap();
    assert_eq!(writer.cursor().unwrap().as_deref(), Some("1"));
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for down in [0, 1] {
        cluster.node_mut(down).kill();
        for fixture in &fixtures {
            for name in &names {
                fixture.ask(name);
            }
        }
        // A writer retries until the failover has finished.
        let cursor = (down + 1).to_string();
        let next = patch("s.g1", &cursor, &(down + 2).to_string(), list(&names, &["gone"]));
        assert_eq!(apply_with_retries(&*writer, &next), PatchOutcome::Applied);
        writer.set_synchronized_on(Clock::System.unix_millis()).unwrap();
        for fixture in &fixtures {
            fixture.eventually("the engine is healthy again", || are_healthy(fixture));
        }
    }
}

/// Applies a patch, and retries while the store is unavailable.
fn apply_with_retries(writer: &dyn bigseg::store::StoreWriter, next: &bigseg::patch::Patch) -> PatchOutcome {
    for _ in 0..20 {
        match writer.apply(next, Cursor::Advance) {
            Ok(outcome) => return outcome,
            Err(error) => assert!(error.retryable(), "{error:?}"),
        }
    }
    panic!("the patch is never applied");
}

#[test]
fn replicas_are_read_if_configured() {
    bigseg::needs!(Redis);
    let mut cluster = RedisCluster::start_with_replicas(2);
    fill(&cluster);
    let calls = |n: usize| {
        let Reply::Text(stats) = cluster.node(n).client().run(&["INFO", "commandstats"]) else { panic!() };
        let calls = stats.split("cmdstat_smembers:calls=").nth(1).and_then(|rest| rest.split(',').next());
        calls.map_or(0, |calls| calls.parse::<u32>().unwrap())
    };
    cluster.add_user("reader", READER_COMMANDS);
    cluster.add_user("other", &[READER_COMMANDS, &["+readonly", "+cluster|slots"]].concat());
    let reader =
        |login| StoreConfig::parse(&cluster.store(login, "read_from=replica")).unwrap().reader().unwrap();
    let queried_nodes = |reader: &dyn StoreReader| {
        // A poll discovers new replicas.
        pollster::block_on(reader.metadata()).unwrap();
        let before = [0, 1, 2, 3].map(calls);
        assert_eq!(read(reader), [true; CONTEXTS]);
        let after = [0, 1, 2, 3].map(calls);
        [0, 1, 2, 3].map(|n| after[n] > before[n])
    };
    for login in ["", "other:secret"] {
        let reader = reader(login);
        eventually("replicas are read", || queried_nodes(&*reader) == [false, false, true, true]);
    }
    let without_permission = reader("reader:secret");
    for _ in 0..3 {
        assert_eq!(queried_nodes(&*without_permission), [true, true, false, false]);
    }
    let reader = reader("");
    eventually("replicas are read", || queried_nodes(&*reader) == [false, false, true, true]);
    for n in [2, 3] {
        cluster.node_mut(n).kill();
    }
    assert_eq!(read(&*reader), [true; CONTEXTS], "without a replica, the master is read");
}

#[test]
fn a_cluster_that_is_down_fails_before_any_timeout() {
    bigseg::needs!(Redis);
    let mut cluster = RedisCluster::start(2);
    let store = StoreConfig::parse(&cluster.store("", "response_timeout=60s")).unwrap();
    let reader = store.reader().unwrap();
    let writer = store.writer().unwrap();
    writer.set_synchronized_on(1).unwrap();
    pollster::block_on(reader.metadata()).unwrap();
    for n in 0..2 {
        cluster.node_mut(n).kill();
    }
    let began = Clock::System.now();
    for _ in 0..2 {
        let error = pollster::block_on(reader.memberships(&[hash("a")])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreUnavailable, "{error:?}");
        assert!(error.message().contains("127.0.0.1:"), "{error}");
        assert_eq!(writer.cursor().unwrap_err().kind(), ErrorKind::StoreUnavailable);
        let next = patch("s.g1", "", "1", list(&["a"], &[]));
        assert_eq!(writer.apply(&next, Cursor::Advance).unwrap_err().kind(), ErrorKind::StoreUnavailable);
    }
    // No call waited for a reply; a writer that retries until its budget is used up takes 180 s.
    assert!(Clock::System.now().since(began) < Duration::from_secs(60));
}

/// The error names the right store string.
#[test]
fn a_single_node_of_a_cluster_is_refused() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(2);
    let stores = [0, 1].map(|n| StoreConfig::parse(&cluster.node(n).store("", "")).unwrap());
    let errors = stores.map(|store| store.writer().unwrap().set_synchronized_on(1).err());
    let error = errors.into_iter().flatten().next().expect("one of them does not own the key");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.message().contains("redis+cluster://"), "{error}");
}
