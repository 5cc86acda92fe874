//! Push invalidation in a cluster, while slots move and nodes fail, and with Sentinel.

use std::time::Duration;

use crate::fixture::{context, eventually};
use bigseg::store::Limitation;
use bigseg::testkit::redis_server::READER_COMMANDS;
use bigseg::testkit::{RedisCluster, RedisSentinels, Reply};
use bigseg::{Engine, EngineConfig};

const HOUR: Duration = Duration::from_secs(3600);
const CONTEXTS: usize = 30;

/// Opens an engine that sees changes by push only: its cache entries live for an hour.
fn open(store: &str) -> Engine {
    let config = EngineConfig::new(store)
        .unwrap()
        .with_context_cache_time(HOUR)
        .with_status_poll_interval(Duration::from_millis(100));
    Engine::open(config).unwrap()
}

fn open_with_push(store: &str) -> Engine {
    let engine = open(store);
    eventually("push invalidation is active", || is_push_active(&engine));
    engine
}

fn is_push_active(engine: &Engine) -> bool {
    engine.status().push_invalidation
}

fn is_member(engine: &Engine, key: &str) -> Option<bool> {
    engine.membership(key).wait().unwrap().check("s.g1")
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
fn every_master_of_a_cluster_pushes_changes() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(3);
    let engine = open_with_push(&cluster.store("", ""));
    assert_fresh(&engine, |words| cluster.run(words));
}

#[test]
fn one_master_that_refuses_disables_push() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(2);
    cluster.add_user("reader", &[READER_COMMANDS, &["+client|tracking", "+cluster|slots"]].concat());
    cluster.node(1).client().run(&["ACL", "SETUSER", "reader", "-client|tracking"]);
    let engine = open(&cluster.store("reader:secret", ""));
    eventually("the refusal shows", || !engine.status().limitations.is_empty());
    let [limitation] = &engine.status().limitations[..] else { panic!("one limitation") };
    assert_eq!(limitation.feature, Limitation::PUSH_INVALIDATION);
    let address = format!("127.0.0.1:{}", cluster.node(1).port());
    assert!(limitation.reason.contains(&address), "{}", limitation.reason);
    assert!(!is_push_active(&engine));
}

#[test]
fn changes_in_a_moving_slot_are_pushed() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(2);
    let engine = open_with_push(&cluster.store("", ""));
    let moving = &names()[0];
    let other = &names()[1];
    let slot = cluster.slot(&key(moving));
    let from = cluster.first_owner(slot);
    let to = 1 - from;
    is_member(&engine, other);
    cluster.begin_moving(slot, from, to);
    // The old node redirects a read of this key to the new node, which does not own the slot yet.
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
fn an_importing_node_without_slots_pushes_changes() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start_with_spare(2);
    let engine = open_with_push(&cluster.store("", ""));
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
fn a_promoted_replica_pushes_changes() {
    bigseg::needs!(Redis);
    let mut cluster = RedisCluster::start_with_replicas(3);
    let engine = open_with_push(&cluster.store("", ""));
    for name in names() {
        assert_eq!(is_member(&engine, &name), None);
    }
    cluster.node_mut(0).kill();
    eventually("the loss is noticed", || !is_push_active(&engine));
    let join = |name: &str| {
        let running = cluster.nodes().iter().filter(|node| node.is_running());
        let mut replies = running.map(|node| node.client().run(&["SADD", &key(name), "s.g1"]));
        replies.any(|reply| matches!(reply, Reply::Number(_)))
    };
    eventually("the replica takes over", || names().iter().all(|name| join(name)));
    // The cached answers have not expired, but are not served any more.
    eventually("push invalidation is active again", || is_push_active(&engine));
    for name in names() {
        eventually("the change is seen", || is_member(&engine, &name) == Some(true));
        cluster.run(&["SREM", &key(&name), "s.g1"]);
        eventually("and the next", || is_member(&engine, &name).is_none());
    }
}

#[test]
fn the_master_that_sentinels_report_pushes_changes() {
    bigseg::needs!(Redis);
    let set = RedisSentinels::start();
    let engine = open_with_push(&set.store("", ""));
    assert_fresh(&engine, |words| set.master().client().run(words));
    let before = set.master().port();
    set.fail_over();
    eventually("the new master pushes changes", || {
        is_push_active(&engine) && set.master().port() != before && {
            let name = "a test";
            let reply = set.master().client().run(&["SADD", &key(name), "s.g1"]);
            reply == Reply::Number(1) || matches!(reply, Reply::Number(0))
        }
    });
    assert_fresh(&engine, |words| set.master().client().run(words));
}

#[test]
fn reading_from_replicas_disables_push() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start_with_replicas(1);
    let engine = open(&cluster.store("", "read_from=replica"));
    eventually("the limitation shows", || !engine.status().limitations.is_empty());
    let status = engine.status();
    assert!(!status.push_invalidation && status.limitations[0].reason.contains("replica"), "{status:?}");
}
