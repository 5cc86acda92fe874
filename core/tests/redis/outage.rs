//! A server is killed, frozen and restarted: answers, latency, and recovery.

use std::sync::Arc;
use std::time::Duration;

use crate::fixture::{eventually, in_thread};
use bigseg_core::patch::PatchOutcome;
use bigseg_core::store::StoreWriter;
use bigseg_core::testkit::samples::{hash, list, membership, patch};
use bigseg_core::testkit::{RedisServer, Reply};
use bigseg_core::{Answer, Clock, Engine, EngineConfig, ErrorKind, LookupStatus, Origin, StoreConfig};

const DEADLINE: Duration = Duration::from_millis(400);
/// Allowed on top of the deadline, for a busy machine.
const SLACK: Duration = Duration::from_millis(1500);

fn fill(writer: &dyn StoreWriter) {
    assert_eq!(writer.apply(&patch("s.g1", "", "1", list(&["a"], &[]))).unwrap(), PatchOutcome::Applied);
    writer.set_synchronized_on(Clock::System.unix_millis()).unwrap();
}

/// Opens an engine that caches nothing but last known answers.
fn open(server: &RedisServer) -> Engine {
    Engine::open(EngineConfig {
        context_cache_time: Duration::ZERO,
        status_poll_interval: Duration::from_millis(100),
        lookup_deadline: DEADLINE,
        breaker_probe_interval: Duration::from_millis(100),
        ..EngineConfig::new(&server.store("", "response_timeout=200ms")).unwrap()
    })
    .unwrap()
}

/// Looks up, and checks that the deadline is kept.
#[track_caller]
fn ask(engine: &Engine, key: &str) -> Answer {
    let began = Clock::System.now();
    let answer = engine.blocking().membership(key).unwrap();
    let took = Clock::System.now().since(began);
    assert!(took < DEADLINE + SLACK, "a caller waited {took:?}");
    answer
}

fn is_healthy(engine: &Engine) -> bool {
    let answer = ask(engine, "a");
    answer.status == LookupStatus::Healthy && answer.check("s.g1") == Some(true)
}

/// Looks up until the breaker has opened: a context with a last known answer receives it.
fn assert_outage(engine: &Engine) {
    for _ in 0..10 {
        let known = ask(engine, "a");
        assert_eq!(known.status, LookupStatus::StoreError);
        assert!(matches!(known.origin, Origin::LastKnown { .. }), "{:?}", known.origin);
        assert_eq!(known.check("s.g1"), Some(true));
        let unknown = ask(engine, "b");
        assert_eq!((unknown.status, unknown.origin), (LookupStatus::StoreError, Origin::Nothing));
    }
    assert_eq!(ask(engine, "b").error.unwrap().kind(), ErrorKind::CircuitOpen);
    assert!(!engine.status().available);
}

#[test]
fn a_server_that_is_killed_and_restarted() {
    let mut server = RedisServer::start();
    let config = StoreConfig::parse(&server.store("", "")).unwrap();
    fill(&*config.writer().unwrap());
    let engine = open(&server);
    eventually("the engine is healthy", || is_healthy(&engine));
    server.kill();
    assert_outage(&engine);
    server.restart();
    eventually("it sees the empty store", || {
        let answer = ask(&engine, "a");
        answer.origin == Origin::Store && answer.membership.is_empty() && answer.status == LookupStatus::Stale
    });
    fill(&*config.writer().unwrap());
    eventually("the engine is healthy again", || is_healthy(&engine));
}

#[test]
fn a_server_that_freezes_and_resumes() {
    let server = RedisServer::start();
    fill(&*StoreConfig::parse(&server.store("", "")).unwrap().writer().unwrap());
    let engine = open(&server);
    eventually("the engine is healthy", || is_healthy(&engine));
    server.freeze();
    assert_outage(&engine);
    server.thaw();
    eventually("the engine is healthy again", || is_healthy(&engine));
}

#[test]
fn an_engine_may_be_opened_before_its_server_runs() {
    let mut server = RedisServer::start();
    server.kill();
    let engine = open(&server);
    assert_eq!(ask(&engine, "a").status, LookupStatus::StoreError);
    server.restart();
    fill(&*StoreConfig::parse(&server.store("", "")).unwrap().writer().unwrap());
    eventually("the engine is healthy", || is_healthy(&engine));
}

/// Reads a number of `INFO`.
fn info(server: &RedisServer, section: &str, name: &str) -> u64 {
    let Reply::Text(text) = server.client().run(&["INFO", section]) else { panic!("INFO is text") };
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split([',', ':', '=']).find_map(|word| word.parse().ok()).unwrap_or_default()
}

#[test]
fn all_callers_share_one_connection_which_is_replaced_when_lost() {
    let server = RedisServer::start();
    let config = StoreConfig::parse(&server.store("", "")).unwrap();
    fill(&*config.writer().unwrap());
    let reader = config.reader().unwrap();
    let connections = || info(&server, "stats", "total_connections_received:");
    let ask_together = || {
        let read = |reader: Arc<dyn bigseg_core::store::StoreReader>| {
            let answers = pollster::block_on(reader.memberships(&[hash("a")])).unwrap();
            assert_eq!(*answers[0].as_ref().unwrap(), membership(&["s.g1"], &[]));
        };
        let threads: Vec<_> = (0..16)
            .map(|_| {
                in_thread({
                    let reader = reader.clone();
                    move || read(reader)
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    };
    let before = connections();
    ask_together();
    // Reading the number takes a connection, too.
    assert_eq!(connections() - before, 2);

    server.client().run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let first = pollster::block_on(reader.memberships(&[hash("a")]));
    if let Err(error) = first {
        assert_eq!(error.kind(), ErrorKind::StoreUnavailable, "{error:?}");
    }
    ask_together();
}

#[test]
fn callers_share_an_attempt_to_connect_and_then_fail_at_once() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let store = format!("redis://:secret@127.0.0.1:{port}?connect_timeout=300ms");
    let reader = StoreConfig::parse(&store).unwrap().reader().unwrap();
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let reader = reader.clone();
            in_thread(move || pollster::block_on(reader.metadata()).unwrap_err().kind())
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.join().unwrap(), ErrorKind::StoreTimeout);
    }
    silent.set_nonblocking(true).unwrap();
    let attempts = std::iter::from_fn(|| silent.accept().ok()).count();
    // A late caller may come after the backoff of the first attempt, and start a second one.
    assert!((1..=2).contains(&attempts), "{attempts} attempts for 16 callers");

    // The port is closed: an attempt fails at once, but most callers do not even start one.
    drop(silent);
    let errors: Vec<_> = (0..500).map(|_| pollster::block_on(reader.metadata()).unwrap_err()).collect();
    let same = errors.windows(2).filter(|pair| std::ptr::eq(pair[0].message(), pair[1].message())).count();
    assert!(same > 400, "only {same} of 500 callers received the error of the previous caller");
}

#[test]
fn concurrent_lookups_of_one_context_read_it_once() {
    let server = RedisServer::start();
    fill(&*StoreConfig::parse(&server.store("", "")).unwrap().writer().unwrap());
    let config = EngineConfig::new(&server.store("", "")).unwrap();
    let engine = Engine::open(config).unwrap();
    // Subscribing empties the cache, so wait for it.
    eventually("push invalidation is active", || engine.status().push_invalidation);
    let lookups = futures_util::future::join_all((0..1000).map(|_| engine.membership("a")));
    for answer in pollster::block_on(lookups) {
        assert_eq!(answer.unwrap().check("s.g1"), Some(true));
    }
    assert_eq!(info(&server, "commandstats", "cmdstat_smembers:"), 2, "SMEMBERS for 1,000 callers");
}
