//! A real server tells of changes: who may listen, what is heard, and what happens when the line is cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::fixture::{context, eventually, in_thread};
use bigseg_core::store::Limitation;
use bigseg_core::testkit::proxy::Proxy;
use bigseg_core::testkit::redis_server::READER_COMMANDS;
use bigseg_core::testkit::samples::TestRng;
use bigseg_core::testkit::{RedisServer, rounds};
use bigseg_core::{Engine, EngineConfig, Origin, StoreStatus};

const HOUR: Duration = Duration::from_secs(3600);

/// Opens an engine to which nothing but a push ever brings a change: its entries live for an hour.
fn open(store: &str) -> Engine {
    let config = EngineConfig { context_cache_time: HOUR, ..EngineConfig::new(store).unwrap() };
    Engine::open(config).unwrap()
}

/// Opens an engine that the server tells of changes.
fn open_listening(store: &str) -> Engine {
    let engine = open(store);
    eventually("the server tells of changes", || engine.status().push_invalidation);
    assert_eq!(engine.status().limitations, []);
    engine
}

fn is_member(engine: &Engine, key: &str) -> Option<bool> {
    engine.blocking().membership(key).unwrap().check("s.g1")
}

fn include_key(prefix: &str, key: &str) -> String {
    format!("{prefix}:big_segment_include:{}", context(key))
}

fn join(server: &RedisServer, key: &str) {
    server.client().run(&["SADD", &include_key("launchdarkly", key), "s.g1"]);
}

fn leave(server: &RedisServer, key: &str) {
    server.client().run(&["SREM", &include_key("launchdarkly", key), "s.g1"]);
}

/// A change must be seen; and those who did not change must not be asked for again.
fn assert_fresh(engine: &Engine, server: &RedisServer) {
    assert_eq!(is_member(engine, "bystander"), None);
    for round in 0..5 {
        let key = format!("context {round}");
        assert_eq!(is_member(engine, &key), None);
        join(server, &key);
        eventually("the context joins", || is_member(engine, &key) == Some(true));
        leave(server, &key);
        eventually("the context leaves", || is_member(engine, &key).is_none());
    }
    let bystander = engine.blocking().membership("bystander").unwrap();
    assert!(matches!(bystander.origin, Origin::Cache { .. }), "{:?}", bystander.origin);
}

#[test]
fn a_change_by_anyone_is_seen() {
    let server = RedisServer::start();
    assert_fresh(&open_listening(&server.store("", "")), &server);
}

#[test]
fn exclusions_are_changes_too() {
    let server = RedisServer::start();
    let engine = open_listening(&server.store("", ""));
    assert_eq!(is_member(&engine, "a"), None);
    let key = format!("launchdarkly:big_segment_exclude:{}", context("a"));
    server.client().run(&["SADD", &key, "s.g1"]);
    eventually("the context is excluded", || is_member(&engine, "a") == Some(false));
}

#[test]
fn over_tls_and_through_a_socket() {
    let server = RedisServer::start_tls();
    assert_fresh(&open_listening(&server.store("", "")), &server);
    assert_fresh(&open_listening(&format!("redis+unix://{}", server.socket().display())), &server);
}

#[test]
fn in_another_database() {
    let server = RedisServer::start();
    let engine = open_listening(&server.store("", "").replace('?', "/3?"));
    assert_eq!(is_member(&engine, "a"), None);
    let mut client = server.client();
    client.run(&["SELECT", "3"]);
    client.run(&["SADD", &include_key("launchdarkly", "a"), "s.g1"]);
    eventually("the context joins", || is_member(&engine, "a") == Some(true));
}

#[test]
fn other_prefixes_are_other_stores() {
    let server = RedisServer::start();
    let engine = open_listening(&server.store("", "prefix=mine"));
    assert_eq!(is_member(&engine, "a"), None);
    server.client().run(&["SADD", &include_key("theirs", "a"), "s.g1"]);
    server.client().run(&["SADD", &include_key("mine", "b"), "s.g1"]);
    eventually("only ours is heard of", || engine.metrics().pushed_invalidations == 1);
}

#[test]
fn a_new_sync_time_is_read_at_once_and_a_flush_empties_the_cache() {
    let server = RedisServer::start();
    let config = EngineConfig {
        context_cache_time: HOUR,
        status_poll_interval: HOUR,
        stale_after: None,
        ..EngineConfig::new(&server.store("", "")).unwrap()
    };
    let engine = Engine::open(config).unwrap();
    eventually("the server tells of changes", || engine.status().push_invalidation);
    assert_eq!(is_member(&engine, "a"), None);
    server.client().run(&["SET", "launchdarkly:big_segments_synchronized_on", "1700000000000"]);
    eventually("it is read", || engine.status().last_up_to_date == Some(1_700_000_000_000));
    join(&server, "a");
    eventually("the context joins", || is_member(&engine, "a") == Some(true));
    server.client().run(&["FLUSHALL"]);
    eventually("the context is gone", || is_member(&engine, "a").is_none());
    eventually("and so is the sync time", || engine.status().stale);
}

fn refusal(status: &StoreStatus) -> Option<&str> {
    assert!(!status.push_invalidation);
    let [limitation] = status.limitations.as_slice() else { return None };
    assert_eq!(limitation.feature, Limitation::PUSH_INVALIDATION);
    Some(&limitation.reason)
}

/// Waits until the engine knows that it will not be told; it must work all the same.
fn assert_refused(store: &str, server: &RedisServer, why: &str) {
    let config =
        EngineConfig { context_cache_time: Duration::from_millis(1), ..EngineConfig::new(store).unwrap() };
    let engine = Engine::open(config).unwrap();
    eventually("the refusal shows in the status", || refusal(&engine.status()).is_some());
    let status = engine.status();
    let reason = refusal(&status).unwrap();
    assert!(reason.contains(why) && !reason.contains("secret"), "{reason}");
    eventually("the store is available all the same", || engine.status().available);
    assert_eq!(is_member(&engine, "a"), None);
    join(server, "a");
    eventually("answers expire", || is_member(&engine, "a") == Some(true));
}

#[test]
fn the_readers_permissions_suffice_for_all_but_this() {
    let server = RedisServer::start();
    server.add_user("reader", READER_COMMANDS);
    assert_refused(&server.store("reader:secret", ""), &server, "+client|tracking");
    server.add_user("listener", &[READER_COMMANDS, &["+client|tracking"]].concat());
    assert_fresh(&open_listening(&server.store("listener:secret", "")), &server);
}

#[test]
fn a_password_alone_is_a_login_too() {
    let server = RedisServer::start();
    let mut client = server.client();
    client.run(&["CONFIG", "SET", "requirepass", "secret"]);
    let engine = open_listening(&server.store(":secret", ""));
    assert_eq!(is_member(&engine, "a"), None);
    client.run(&["SADD", &include_key("launchdarkly", "a"), "s.g1"]);
    eventually("the context joins", || is_member(&engine, "a") == Some(true));
}

#[test]
fn servers_without_these_commands_are_used_all_the_same() {
    for (command, why) in [("HELLO", "RESP3"), ("CLIENT", "unknown command")] {
        let server = RedisServer::start_with(&["--rename-command", command, ""]);
        assert_refused(&server.store("", ""), &server, why);
    }
}

#[test]
fn a_replica_is_not_believed() {
    let master = RedisServer::start();
    let replica = RedisServer::start();
    replica.client().run(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    assert_refused(&replica.store("", ""), &master, "only a master");
}

#[test]
fn what_happens_while_the_line_is_cut_is_not_missed() {
    let server = RedisServer::start();
    let is_open = Arc::new(AtomicBool::new(true));
    let gate = is_open.clone();
    let proxy = Proxy::start(
        server.port(),
        move |_, bytes| if gate.load(Ordering::Acquire) { bytes.len() } else { 0 },
    )
    .unwrap();
    let engine = open_listening(&format!("redis://127.0.0.1:{}", proxy.port()));
    for round in 0..rounds(3, 100) {
        let key = format!("context {round}");
        assert_eq!(is_member(&engine, &key), None);
        is_open.store(false, Ordering::Release);
        // Whatever is said next, be it a push or a heartbeat, cuts the line.
        join(&server, &key);
        eventually("the silence is noticed", || !engine.status().push_invalidation);
        is_open.store(true, Ordering::Release);
        eventually("the change is seen", || is_member(&engine, &key) == Some(true));
        eventually("the server tells again", || engine.status().push_invalidation);
    }
}

#[test]
fn connections_killed_by_the_server_are_replaced() {
    let server = RedisServer::start();
    let engine = open_listening(&server.store("", ""));
    for round in 0..rounds(3, 100) {
        let key = format!("context {round}");
        eventually("the context is out", || is_member(&engine, &key).is_none());
        server.client().run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        join(&server, &key);
        eventually("the change is seen", || is_member(&engine, &key) == Some(true));
    }
}

#[test]
fn a_silent_server_is_noticed() {
    let server = RedisServer::start();
    let engine = open_listening(&server.store("", "response_timeout=100ms"));
    server.freeze();
    eventually("the silence is noticed", || !engine.status().push_invalidation);
    server.thaw();
    eventually("the server tells again", || engine.status().push_invalidation);
    assert_fresh(&engine, &server);
}

/// Lookups and changes of the same few contexts, all at once: what is cached when the dust has settled must be true.
#[test]
fn no_race_leaves_an_old_answer_behind() {
    const CONTEXTS: usize = 8;
    let server = RedisServer::start();
    let engine = Arc::new(open_listening(&server.store("", "")));
    let name = |index: usize| format!("context {index}");
    for round in 0..rounds(20, 2000) {
        let stop = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..4)
            .map(|seed| {
                let (engine, stop) = (engine.clone(), stop.clone());
                let mut rng = TestRng::new(seed);
                in_thread(move || {
                    while !stop.load(Ordering::Acquire) {
                        is_member(&engine, &name(rng.below(CONTEXTS)));
                    }
                })
            })
            .collect();
        let mut client = server.client();
        let mut rng = TestRng::new(round as u64);
        for _ in 0..200 {
            let command = if rng.flip() { "SADD" } else { "SREM" };
            client.run(&[command, &include_key("launchdarkly", &name(rng.below(CONTEXTS))), "s.g1"]);
        }
        // Pushes come in order: once this one was heard, so were all before it.
        let marker = format!("marker {round}");
        assert_eq!(is_member(&engine, &marker), None);
        join(&server, &marker);
        eventually("the marker is seen", || is_member(&engine, &marker) == Some(true));
        stop.store(true, Ordering::Release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        for index in 0..CONTEXTS {
            let members = client.sorted(&["SMEMBERS", &include_key("launchdarkly", &name(index))]);
            let truth = (!members.is_empty()).then_some(true);
            assert_eq!(is_member(&engine, &name(index)), truth, "context {index} in round {round}");
        }
    }
}
