//! Writers of one store in a cluster: races, and slots that move meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use bigseg::StoreConfig;
use bigseg::patch::{Patch, PatchOutcome};
use bigseg::store::{Cursor, StoreWriter};
use bigseg::testkit::redis_server::WRITER_COMMANDS;
use bigseg::testkit::samples::{TestRng, hash, list, patch};
use bigseg::testkit::{RedisCluster, Reply, StoreModel, rounds};

fn config(cluster: &RedisCluster, options: &str) -> StoreConfig {
    StoreConfig::parse(&cluster.store("", options)).unwrap()
}

/// Generates a chain of patches over a few contexts, so that each undoes much of the previous one.
fn chain(rng: &mut TestRng, contexts: usize) -> Vec<Patch> {
    let mut chain: Vec<Patch> = Vec::new();
    for step in 0..10 {
        let most = if rng.below(4) == 0 { 400 } else { 20 };
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

fn model_of(chain: &[Patch]) -> StoreModel {
    let mut model = StoreModel::default();
    for patch in chain {
        assert_eq!(model.apply(patch), PatchOutcome::Applied);
    }
    model
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
    let cluster = RedisCluster::start(3);
    for seed in 0..rounds(10, 500) {
        let chain = chain(&mut TestRng::new(seed as u64), 60);
        let model = model_of(&chain);
        let config = config(&cluster, &format!("prefix=race-{seed}"));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let writer = config.writer().unwrap();
                let chain = &chain;
                scope.spawn(move || follow(&*writer, chain));
            }
        });
        assert_eq!(config.writer().unwrap().cursor().unwrap().as_deref(), model.cursor(), "seed {seed}");
        model.assert_same(&*config.scanner().unwrap());
        cluster.run_everywhere(&["FLUSHALL"]);
    }
}

/// A slot moves to another node and back, key by key, while a writer works.
#[test]
fn slots_may_move_while_they_are_written() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(2);
    cluster.add_user("writer", &[WRITER_COMMANDS, &["+asking"]].concat());
    let key = |n: usize| format!("launchdarkly:big_segment_include:{}", hash(&n.to_string()));
    let slot = cluster.slot(&key(0));
    // Contexts whose keys lie in that slot, and some whose keys do not.
    let contexts: Vec<String> = (0..150_000)
        .filter(|n| *n < 20 || bigseg::testkit::redis_cluster::slot_of(&key(*n)) == slot)
        .map(|n| n.to_string())
        .collect();
    assert!(contexts.len() > 22, "only {} contexts", contexts.len());
    let keys: Vec<&str> = contexts.iter().map(String::as_str).collect();
    let chain: Vec<Patch> = (0..rounds(40, 400))
        .map(|n| {
            let (previous, version) =
                (if n == 0 { String::new() } else { n.to_string() }, (n + 1).to_string());
            let changes = if n % 2 == 0 { list(&keys, &[]) } else { list(&keys[..5], &keys[5..]) };
            patch("s.g1", &previous, &version, changes)
        })
        .collect();
    for login in ["", "writer:secret"] {
        let store = |login| StoreConfig::parse(&cluster.store(login, "response_timeout=5s")).unwrap();
        let writer = store(login).writer().unwrap();
        let done = AtomicBool::new(false);
        let moves = std::thread::scope(|scope| {
            let mover = scope.spawn(|| {
                let mut moves = 0;
                let mut from = cluster.first_owner(slot);
                let mut to = 1 - cluster.first_owner(slot);
                while !done.load(Ordering::Relaxed) {
                    cluster.begin_moving(slot, from, to);
                    for _ in 0..4 {
                        cluster.move_keys(slot, from, to, 4);
                    }
                    while cluster.move_keys(slot, from, to, 100) > 0 {}
                    cluster.finish_moving(slot, from, to);
                    (from, to) = (to, from);
                    moves += 1;
                }
                if from != cluster.first_owner(slot) {
                    cluster.begin_moving(slot, from, to);
                    while cluster.move_keys(slot, from, to, 100) > 0 {}
                    cluster.finish_moving(slot, from, to);
                }
                moves
            });
            for patch in &chain {
                let outcome = writer.apply(patch, Cursor::Advance);
                if outcome.is_err() {
                    done.store(true, Ordering::Relaxed);
                }
                assert_eq!(outcome.unwrap(), PatchOutcome::Applied);
            }
            done.store(true, Ordering::Relaxed);
            mover.join().unwrap()
        });
        assert!(moves > 0);
        model_of(&chain).assert_same(&*store("").scanner().unwrap());
        cluster.run_everywhere(&["FLUSHALL"]);
    }
}

#[test]
fn an_operation_that_fails_keeps_the_cursor() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(2);
    let writer = config(&cluster, "").writer().unwrap();
    writer.apply(&patch("s.g1", "", "1", list(&["before"], &[])), Cursor::Advance).unwrap();
    let bad = format!("launchdarkly:big_segment_include:{}", hash("bad"));
    cluster.run(&["SET", &bad, "not a set"]);
    let next = patch("s.g1", "1", "2", list(&["good", "bad"], &["before"]));
    for _ in 0..2 {
        let error = writer.apply(&next, Cursor::Advance).unwrap_err();
        assert_eq!(error.kind(), bigseg::ErrorKind::StoreData, "{error:?}");
        assert!(error.message().contains("WRONGTYPE"), "{error}");
        assert_eq!(writer.cursor().unwrap().as_deref(), Some("1"));
    }
    assert_eq!(cluster.run(&["DEL", &bad]), Reply::Number(1));
    assert_eq!(writer.apply(&next, Cursor::Advance).unwrap(), PatchOutcome::Applied);
}
