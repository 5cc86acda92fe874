//! Push invalidation with a real server: permissions, which changes are seen, and disconnections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::fixture::{context, eventually, in_thread};
use bigseg::store::Limitation;
use bigseg::testkit::proxy::Proxy;
use bigseg::testkit::redis_server::READER_COMMANDS;
use bigseg::testkit::samples::TestRng;
use bigseg::testkit::{RedisServer, rounds};
use bigseg::{Engine, EngineConfig, Origin, StoreStatus};

const HOUR: Duration = Duration::from_secs(3600);

/// Opens an engine that sees changes by push only: its cache entries live for an hour.
fn open(store: &str) -> Engine {
    let config = EngineConfig::new(store).unwrap().with_context_cache_time(HOUR);
    Engine::open(config).unwrap()
}

/// Opens an engine with active push invalidation.
fn open_with_push(store: &str) -> Engine {
    let engine = open(store);
    eventually("push invalidation is active", || engine.status().push_invalidation);
    assert_eq!(engine.status().limitations, []);
    engine
}

fn is_member(engine: &Engine, key: &str) -> Option<bool> {
    engine.membership(key).wait().unwrap().check("s.g1")
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

/// Checks that changes are seen, and that unchanged contexts stay cached.
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
    let bystander = engine.membership("bystander").wait().unwrap();
    assert!(matches!(bystander.origin, Origin::Cache { .. }), "{:?}", bystander.origin);
}

#[test]
fn a_change_by_any_client_is_seen() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    assert_fresh(&open_with_push(&server.store("", "")), &server);
}

#[test]
fn exclusions_are_changes_too() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let engine = open_with_push(&server.store("", ""));
    assert_eq!(is_member(&engine, "a"), None);
    let key = format!("launchdarkly:big_segment_exclude:{}", context("a"));
    server.client().run(&["SADD", &key, "s.g1"]);
    eventually("the context is excluded", || is_member(&engine, "a") == Some(false));
}

#[test]
fn over_tls_and_through_a_socket() {
    bigseg::needs!(Redis, OpenSsl);
    let server = RedisServer::start_tls();
    assert_fresh(&open_with_push(&server.store("", "")), &server);
    assert_fresh(&open_with_push(&format!("redis+unix://{}", server.socket().display())), &server);
}

#[test]
fn in_another_database() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let engine = open_with_push(&server.store("", "").replace('?', "/3?"));
    assert_eq!(is_member(&engine, "a"), None);
    let mut client = server.client();
    client.run(&["SELECT", "3"]);
    client.run(&["SADD", &include_key("launchdarkly", "a"), "s.g1"]);
    eventually("the context joins", || is_member(&engine, "a") == Some(true));
}

#[test]
fn other_prefixes_are_other_stores() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let engine = open_with_push(&server.store("", "prefix=mine"));
    assert_eq!(is_member(&engine, "a"), None);
    server.client().run(&["SADD", &include_key("theirs", "a"), "s.g1"]);
    server.client().run(&["SADD", &include_key("mine", "b"), "s.g1"]);
    eventually("only our change is pushed", || engine.metrics().pushed_invalidations == 1);
}

#[test]
fn a_new_sync_time_is_read_at_once_and_a_flush_empties_the_cache() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let config = EngineConfig::new(&server.store("", ""))
        .unwrap()
        .with_context_cache_time(HOUR)
        .with_status_poll_interval(HOUR)
        .with_stale_after(None);
    let engine = Engine::open(config).unwrap();
    eventually("push invalidation is active", || engine.status().push_invalidation);
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

/// Checks that the status shows why push invalidation is refused, and that the engine works
/// without.
fn assert_refused(store: &str, server: &RedisServer, why: &str) {
    let config = EngineConfig::new(store).unwrap().with_context_cache_time(Duration::from_millis(1));
    let engine = Engine::open(config).unwrap();
    eventually("the refusal shows in the status", || refusal(&engine.status()).is_some());
    let status = engine.status();
    let reason = refusal(&status).unwrap();
    assert!(reason.contains(why) && !reason.contains("secret"), "{reason}");
    eventually("the store is available", || engine.status().available);
    assert_eq!(is_member(&engine, "a"), None);
    join(server, "a");
    eventually("answers expire", || is_member(&engine, "a") == Some(true));
}

#[test]
fn push_invalidation_needs_one_more_permission_than_reading() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    server.add_user("reader", READER_COMMANDS);
    assert_refused(&server.store("reader:secret", ""), &server, "+client|tracking");
    server.add_user("listener", &[READER_COMMANDS, &["+client|tracking"]].concat());
    assert_fresh(&open_with_push(&server.store("listener:secret", "")), &server);
}

#[test]
fn a_password_without_a_user_is_a_login() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let mut client = server.client();
    client.run(&["CONFIG", "SET", "requirepass", "secret"]);
    let engine = open_with_push(&server.store(":secret", ""));
    assert_eq!(is_member(&engine, "a"), None);
    client.run(&["SADD", &include_key("launchdarkly", "a"), "s.g1"]);
    eventually("the context joins", || is_member(&engine, "a") == Some(true));
}

#[test]
fn servers_without_these_commands_work_without_push() {
    bigseg::needs!(Redis);
    for (command, why) in [("HELLO", "RESP3"), ("CLIENT", "unknown command")] {
        let server = RedisServer::start_with(&["--rename-command", command, ""]);
        assert_refused(&server.store("", ""), &server, why);
    }
}

#[test]
fn a_replica_is_refused_as_the_source_of_changes() {
    bigseg::needs!(Redis);
    let master = RedisServer::start();
    let replica = RedisServer::start();
    replica.client().run(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    assert_refused(&replica.store("", ""), &master, "only a master");
}

#[test]
fn changes_while_disconnected_are_not_missed() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let is_open = Arc::new(AtomicBool::new(true));
    let gate = is_open.clone();
    let proxy = Proxy::start(
        server.port(),
        move |_, bytes| if gate.load(Ordering::Acquire) { bytes.len() } else { 0 },
    )
    .unwrap();
    let engine = open_with_push(&format!("redis://127.0.0.1:{}", proxy.port()));
    for round in 0..rounds(3, 100) {
        let key = format!("context {round}");
        assert_eq!(is_member(&engine, &key), None);
        is_open.store(false, Ordering::Release);
        // The next message, a push or a health check, closes the connection.
        join(&server, &key);
        eventually("the disconnection is noticed", || !engine.status().push_invalidation);
        is_open.store(true, Ordering::Release);
        eventually("the change is seen", || is_member(&engine, &key) == Some(true));
        eventually("push invalidation is active again", || engine.status().push_invalidation);
    }
}

#[test]
fn connections_killed_by_the_server_are_replaced() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let engine = open_with_push(&server.store("", ""));
    for round in 0..rounds(3, 100) {
        let key = format!("context {round}");
        eventually("the context is out", || is_member(&engine, &key).is_none());
        server.client().run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        join(&server, &key);
        eventually("the change is seen", || is_member(&engine, &key) == Some(true));
    }
}

#[test]
fn a_server_that_stops_replying_is_detected() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let engine = open_with_push(&server.store("", "response_timeout=100ms"));
    server.freeze();
    eventually("the disconnection is noticed", || !engine.status().push_invalidation);
    server.thaw();
    eventually("push invalidation is active again", || engine.status().push_invalidation);
    assert_fresh(&engine, &server);
}

/// Concurrent lookups and changes of a few contexts: afterwards the cache must match the store.
#[test]
fn no_race_leaves_an_outdated_answer_in_the_cache() {
    bigseg::needs!(Redis);
    const CONTEXTS: usize = 8;
    let server = RedisServer::start();
    let engine = Arc::new(open_with_push(&server.store("", "")));
    let name = |index: usize| format!("context {index}");
    for round in 0..rounds(20, 2000) {
        let stop = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..4)
            .map(|seed| {
                let engine = engine.clone();
                let stop = stop.clone();
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
        // Pushes arrive in order: once this one is seen, so are all earlier ones.
        let marker = format!("marker {round}");
        assert_eq!(is_member(&engine, &marker), None);
        join(&server, &marker);
        eventually("the marker is seen", || is_member(&engine, &marker) == Some(true));
        stop.store(true, Ordering::Release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        for index in 0..CONTEXTS {
            let members = client.sorted(&["SMEMBERS", &include_key("launchdarkly", &name(index))]);
            let expected = (!members.is_empty()).then_some(true);
            assert_eq!(is_member(&engine, &name(index)), expected, "context {index} in round {round}");
        }
    }
}
