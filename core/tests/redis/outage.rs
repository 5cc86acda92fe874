//! A server is killed, frozen and restarted: answers, latency, and recovery.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::fixture::{eventually, in_thread};
use crate::redis_fixture::{NO_DEADLINE, RedisFixture, fill};
use bigseg::testkit::samples::{hash, membership};
use bigseg::testkit::{RedisServer, Reply};
use bigseg::{Engine, EngineConfig, ErrorKind, LookupStatus, Origin, StoreConfig};

/// The store's own limits end every wait here; `network.rs` is about the lookup deadline.
const SHORT_TIMEOUT: &str = "response_timeout=200ms";

#[test]
fn a_server_that_is_killed_and_restarted() {
    bigseg::needs!(Redis);
    let mut server = RedisServer::start();
    fill(&server);
    let fixture = RedisFixture::start(&server.store("", SHORT_TIMEOUT), NO_DEADLINE);
    fixture.becomes_healthy();
    server.kill();
    fixture.assert_outage("127.0.0.1:");
    server.restart();
    fixture.eventually("it sees the empty store", || {
        let answer = fixture.ask("a");
        answer.origin == Origin::Store && answer.membership.is_empty() && answer.status == LookupStatus::Stale
    });
    fill(&server);
    fixture.becomes_healthy();
}

#[test]
fn a_server_that_freezes_and_resumes() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    fill(&server);
    let fixture = RedisFixture::start(&server.store("", SHORT_TIMEOUT), NO_DEADLINE);
    fixture.becomes_healthy();
    server.freeze();
    fixture.assert_outage("127.0.0.1:");
    server.thaw();
    fixture.becomes_healthy();
}

#[test]
fn an_engine_may_be_opened_before_its_server_runs() {
    bigseg::needs!(Redis);
    let mut server = RedisServer::start();
    server.kill();
    let fixture = RedisFixture::start(&server.store("", SHORT_TIMEOUT), NO_DEADLINE);
    assert_eq!(fixture.ask("a").status, LookupStatus::StoreError);
    server.restart();
    fill(&server);
    fixture.becomes_healthy();
}

/// Reads a number of `INFO`.
fn info(server: &RedisServer, section: &str, name: &str) -> u64 {
    let Reply::Text(text) = server.client().run(&["INFO", section]) else { panic!("INFO is text") };
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split([',', ':', '=']).find_map(|word| word.parse().ok()).unwrap_or_default()
}

#[test]
fn all_callers_share_one_connection_which_is_replaced_when_lost() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let config = StoreConfig::parse(&server.store("", "")).unwrap();
    fill(&server);
    let reader = config.reader().unwrap();
    let connections = || info(&server, "stats", "total_connections_received:");
    let ask_together = || {
        let read = |reader: Arc<dyn bigseg::store::StoreReader>| {
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
            in_thread(move || pollster::block_on(reader.metadata()).unwrap_err())
        })
        .collect();
    let errors: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::StoreTimeout), "{errors:?}");
    silent.set_nonblocking(true).unwrap();
    let attempts = std::iter::from_fn(|| silent.accept().ok()).count();
    // On a busy machine, a late caller may come after the backoff of the first attempt, and start another one. All callers
    // of one attempt share its error.
    let shared: BTreeSet<_> = errors.iter().map(|error| error.message().as_ptr()).collect();
    assert!(attempts == shared.len() && attempts <= 8, "{attempts} attempts for 16 callers");

    // The port is closed: an attempt fails at once, but most callers do not even start one.
    drop(silent);
    let errors: Vec<_> = (0..500).map(|_| pollster::block_on(reader.metadata()).unwrap_err()).collect();
    let same = errors.windows(2).filter(|pair| std::ptr::eq(pair[0].message(), pair[1].message())).count();
    assert!(same > 400, "only {same} of 500 callers received the error of the previous caller");
}

#[test]
fn concurrent_lookups_of_one_context_read_it_once() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    fill(&server);
    let config = EngineConfig::new(&server.store("", "")).unwrap();
    let engine = Engine::open(config).unwrap();
    // Subscribing empties the cache, so wait for it.
    eventually("push invalidation is active", || engine.status().push_invalidation);
    let lookups = futures_util::future::join_all((0..1000).map(|_| engine.membership("a").into_future()));
    for answer in pollster::block_on(lookups) {
        assert_eq!(answer.unwrap().check("s.g1"), Some(true));
    }
    assert_eq!(info(&server, "commandstats", "cmdstat_smembers:"), 2, "SMEMBERS for 1,000 callers");
}
