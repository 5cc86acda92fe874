//! Changes are told wherever they happen: by every master of a cluster, while slots move and nodes die, and by whichever
//! server the sentinels name.

use std::time::Duration;

use crate::fixture::{context, eventually};
use bigseg_core::store::Limitation;
use bigseg_core::testkit::redis_server::READER_COMMANDS;
use bigseg_core::testkit::{RedisCluster, RedisSentinels, Reply};
use bigseg_core::{Engine, EngineConfig};

const HOUR: Duration = Duration::from_secs(3600);
const CONTEXTS: usize = 30;

/// Opens an engine to which nothing but a push ever brings a change: its entries live for an hour.
fn open(store: &str) -> Engine {
    let config = EngineConfig {
        context_cache_time: HOUR,
        status_poll_interval: Duration::from_millis(100),
        ..EngineConfig::new(store).unwrap()
    };
    Engine::open(config).unwrap()
}

fn open_listening(store: &str) -> Engine {
    let engine = open(store);
    eventually("the servers tell of changes", || is_told(&engine));
    engine
}

fn is_told(engine: &Engine) -> bool {
    engine.status().push_invalidation
}

fn is_member(engine: &Engine, key: &str) -> Option<bool> {
    engine.blocking().membership(key).unwrap().check("s.g1")
}

fn names() -> Vec<String> {
    (0..CONTEXTS).map(|n| n.to_string()).collect()
}

fn key(name: &str) -> String {
    format!("launchdarkly:big_segment_include:{}", context(name))
}

/// Changes every context, and waits until each change is seen.
fn assert_fresh(engine: &Engine, run: impl Fn(&[&str]) -> Reply) {
    for (command, expected) in [("SADD", Some(true)), ("SREM", None), ("SADD", Some(true)), ("SREM", None)] {
        for name in names() {
            is_member(engine, &name);
            assert_eq!(run(&[command, &key(&name), "s.g1"]), Reply::Number(1), "{name}");
            eventually("the change is seen", || is_member(engine, &name) == expected);
        }
    }
}

#[test]
fn every_master_of_a_cluster_tells() {
    let cluster = RedisCluster::start(3, false);
    let engine = open_listening(&cluster.store("", ""));
    assert_fresh(&engine, |words| cluster.run(words));
}

#[test]
fn one_master_that_may_not_is_enough_to_trust_none() {
    let cluster = RedisCluster::start(2, false);
    cluster.add_user("reader", &[READER_COMMANDS, &["+client|tracking", "+cluster|slots"]].concat());
    cluster.node(1).client().run(&["ACL", "SETUSER", "reader", "-client|tracking"]);
    let engine = open(&cluster.store("reader:secret", ""));
    eventually("the refusal shows", || !engine.status().limitations.is_empty());
    let [limitation] = &engine.status().limitations[..] else { panic!("one limitation") };
    assert_eq!(limitation.feature, Limitation::PUSH_INVALIDATION);
    let place = format!("127.0.0.1:{}", cluster.node(1).port());
    assert!(limitation.reason.contains(&place), "{}", limitation.reason);
    assert!(!is_told(&engine));
}

#[test]
fn a_slot_that_moves_takes_its_changes_along() {
    let cluster = RedisCluster::start(2, false);
    let engine = open_listening(&cluster.store("", ""));
    let (moving, resting) = (&names()[0], &names()[1]);
    let slot = cluster.slot(&key(moving));
    let from = cluster.first_owner(slot);
    let to = 1 - from;
    is_member(&engine, resting);
    cluster.begin_moving(slot, from, to);
    // The key is not there any more, so whoever asks is sent to the new node, which does not own the slot yet.
    assert_eq!(is_member(&engine, moving), None);
    let mut client = cluster.node(to).client();
    let mut run = |command: &str| {
        client.run(&["ASKING"]);
        assert_eq!(client.run(&[command, &key(moving)[..], "s.g1"]), Reply::Number(1));
    };
    run("SADD");
    eventually("a change at the new node is seen", || is_member(&engine, moving) == Some(true));
    run("SREM");
    eventually("and another", || is_member(&engine, moving).is_none());
    cluster.finish_moving(slot, from, to);
    assert_fresh(&engine, |words| cluster.run(words));
}

#[test]
fn a_new_node_is_listened_to_before_it_owns_anything() {
    let cluster = RedisCluster::start_with_spare(2);
    let engine = open_listening(&cluster.store("", ""));
    let name = &names()[0];
    let slot = cluster.slot(&key(name));
    let spare = 2;
    cluster.begin_moving(slot, cluster.first_owner(slot), spare);
    assert_eq!(is_member(&engine, name), None);
    let mut client = cluster.node(spare).client();
    for (command, expected) in [("SADD", Some(true)), ("SREM", None)] {
        client.run(&["ASKING"]);
        assert_eq!(client.run(&[command, &key(name)[..], "s.g1"]), Reply::Number(1));
        eventually("a change at the new node is seen", || is_member(&engine, name) == expected);
    }
}

#[test]
fn a_replica_that_takes_over_tells_as_well() {
    let mut cluster = RedisCluster::start(3, true);
    let engine = open_listening(&cluster.store("", ""));
    for name in names() {
        assert_eq!(is_member(&engine, &name), None);
    }
    cluster.node_mut(0).kill();
    eventually("the loss is noticed", || !is_told(&engine));
    let join = |name: &str| {
        let living = cluster.nodes().iter().filter(|node| node.is_running());
        let mut replies = living.map(|node| node.client().run(&["SADD", &key(name), "s.g1"]));
        replies.any(|reply| matches!(reply, Reply::Number(_)))
    };
    eventually("the replica takes over", || names().iter().all(|name| join(name)));
    // What was cached before is not served any more, though its hour is not over.
    eventually("the servers tell of changes again", || is_told(&engine));
    for name in names() {
        eventually("the change is seen", || is_member(&engine, &name) == Some(true));
        cluster.run(&["SREM", &key(&name), "s.g1"]);
        eventually("and the next", || is_member(&engine, &name).is_none());
    }
}

#[test]
fn whoever_the_sentinels_name_tells() {
    let set = RedisSentinels::start();
    let engine = open_listening(&set.store("", ""));
    assert_fresh(&engine, |words| set.master().client().run(words));
    let before = set.master().port();
    set.fail_over();
    eventually("the new master tells", || {
        is_told(&engine) && set.master().port() != before && {
            let name = "a test";
            let reply = set.master().client().run(&["SADD", &key(name), "s.g1"]);
            reply == Reply::Number(1) || matches!(reply, Reply::Number(0))
        }
    });
    assert_fresh(&engine, |words| set.master().client().run(words));
}

#[test]
fn who_reads_from_replicas_is_not_told() {
    let cluster = RedisCluster::start(1, true);
    let engine = open(&cluster.store("", "read_from=replica"));
    eventually("the limitation shows", || !engine.status().limitations.is_empty());
    let status = engine.status();
    assert!(!status.push_invalidation && status.limitations[0].reason.contains("replicas"), "{status:?}");
}
