//! A store with Sentinel: the suite, failovers, and errors.

use std::cell::Cell;

use crate::fixture::eventually;
use crate::redis_fixture::{LONG_TIMEOUTS, NO_DEADLINE, RedisFixture};
use bigseg::patch::PatchOutcome;
use bigseg::store::{Cursor, StoreWriter};
use bigseg::testkit::redis_server::{READER_COMMANDS, WRITER_COMMANDS, free_port};
use bigseg::testkit::samples::{hash, list, membership, patch};
use bigseg::testkit::{RedisSentinels, RedisServer, Reply, StoreUnderTest, store_suite};
use bigseg::{Clock, ErrorKind, LookupStatus, StoreConfig};

/// Looks up while time stands still: an answer proves that no deadline passed.
fn is_healthy(fixture: &RedisFixture) -> bool {
    let answer = fixture.ask("a");
    answer.status == LookupStatus::Healthy && answer.check("s.g1") == Some(true)
}

/// Applies a patch that adds a context, and retries while the store is unavailable.
fn apply_with_retries(writer: &dyn StoreWriter, previous: &str, version: &str) {
    let next = patch("s.g1", previous, version, list(&["a", version], &[]));
    let done = Cell::new(None);
    eventually("the patch is applied", || match writer.apply(&next, Cursor::Advance) {
        Ok(outcome) => {
            done.set(Some(outcome));
            true
        }
        Err(error) => {
            assert!(error.retryable(), "{error:?}");
            false
        }
    });
    assert!(matches!(done.get(), Some(PatchOutcome::Applied | PatchOutcome::AlreadyApplied)));
    eventually("the store is marked", || writer.set_synchronized_on(Clock::System.unix_millis()).is_ok());
}

#[test]
fn passes_the_suite() {
    bigseg::needs!(Redis);
    let set = RedisSentinels::start();
    for server in set.servers() {
        server.add_user("reader", READER_COMMANDS);
        server.add_user("writer", &[WRITER_COMMANDS, &["+scan", "+select"]].concat());
        server.add_user("scanner", &["+scan", "+smembers"]);
    }
    let count = Cell::new(0);
    store_suite::run(|| {
        count.set(count.get() + 1);
        let options = format!("{LONG_TIMEOUTS}&prefix=p{}", count.get());
        let config = |role| StoreConfig::parse(&set.store(&format!("{role}:secret"), &options)).unwrap();
        StoreUnderTest {
            writer: config("writer").writer().unwrap(),
            reader: config("reader").reader().unwrap(),
            scanner: Some(config("scanner").scanner().unwrap()),
            most_refs: 10_000,
            loads_atomically: false,
        }
    });
}

#[test]
fn the_new_master_is_found_after_a_failover() {
    bigseg::needs!(Redis);
    let mut set = RedisSentinels::start();
    let store = set.store("", "response_timeout=200ms");
    let writer = StoreConfig::parse(&store).unwrap().writer().unwrap();
    apply_with_retries(&*writer, "", "1");
    let fixture = RedisFixture::start(&store, NO_DEADLINE);
    fixture.eventually("the engine is healthy", || is_healthy(&fixture));
    set.fail_over();
    apply_with_retries(&*writer, "1", "2");
    fixture.eventually("the engine is healthy after a failover", || is_healthy(&fixture));
    let Reply::Text(info) = set.master().client().run(&["INFO", "commandstats"]) else {
        panic!("INFO is text")
    };
    assert!(info.contains("cmdstat_smembers"), "the new master is read");
    // One unreachable sentinel causes no delay.
    set.kill_sentinel(0);
    eventually("two sentinels see all replicas again", || set.is_settled());
    set.kill_master();
    is_healthy(&fixture);
    apply_with_retries(&*writer, "2", "3");
    fixture.eventually("the engine is healthy without its first master", || is_healthy(&fixture));
}

/// The connection is closed when the former master rejects a write.
#[test]
fn a_writer_leaves_a_former_master() {
    bigseg::needs!(Redis);
    let set = RedisSentinels::start();
    let writer = StoreConfig::parse(&set.store("", "")).unwrap().writer().unwrap();
    apply_with_retries(&*writer, "", "1");
    let master = set.master();
    // Unlike a sentinel, this does not end the writer's connection.
    master.client().run(&["REPLICAOF", "127.0.0.1", &set.replica().port().to_string()]);
    let next = patch("s.g1", "1", "2", list(&["b"], &[]));
    let error = writer.apply(&next, Cursor::Advance).unwrap_err();
    assert!(error.message().contains("has become a replica"), "{error}");
    let error = writer.apply(&next, Cursor::Advance).unwrap_err();
    assert!(
        error.message().contains("it is a replica; a failover may be in progress"),
        "the sentinels are asked again: {error}"
    );
    master.client().run(&["REPLICAOF", "NO", "ONE"]);
    apply_with_retries(&*writer, "1", "2");
    assert_eq!(writer.cursor().unwrap().as_deref(), Some("2"));
}

#[test]
fn replicas_are_read_if_configured() {
    bigseg::needs!(Redis);
    let set = RedisSentinels::start();
    let writer = StoreConfig::parse(&set.store("", "")).unwrap().writer().unwrap();
    apply_with_retries(&*writer, "", "1");
    let reader = StoreConfig::parse(&set.store("", "read_from=replica")).unwrap().reader().unwrap();
    eventually("the replica has it", || {
        let answers = pollster::block_on(reader.memberships(&[hash("a")])).unwrap();
        *answers[0].as_ref().unwrap() == membership(&["s.g1"], &[])
    });
    let Reply::Text(info) = set.master().client().run(&["INFO", "commandstats"]) else {
        panic!("INFO is text")
    };
    assert!(!info.contains("cmdstat_smembers"), "the master is not read");
}

#[test]
fn errors_of_sentinels_are_reported() {
    bigseg::needs!(Redis);
    let set = RedisSentinels::start();
    let failure = |store: &str| {
        let error = pollster::block_on(StoreConfig::parse(store).unwrap().reader().unwrap().metadata());
        let error = error.unwrap_err();
        assert!(!error.message().contains("hunter2"), "{error}");
        error
    };
    let unknown = failure(&set.store("", "").replace("the-master", "nobody"));
    assert_eq!(unknown.kind(), ErrorKind::StoreUnavailable);
    assert!(unknown.message().contains("no master \"nobody\""), "{unknown}");

    let ports = [free_port(), free_port()];
    let nowhere = format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/m", ports[0], ports[1]);
    let unreachable = failure(&nowhere);
    assert_eq!(unreachable.kind(), ErrorKind::StoreUnavailable);
    for port in ports {
        assert!(unreachable.message().contains(&format!("127.0.0.1:{port}")), "{unreachable}");
    }

    let server = RedisServer::start();
    let not_a_sentinel = failure(&format!("redis+sentinel://127.0.0.1:{}/m", server.port()));
    assert!(
        not_a_sentinel.message().contains("SENTINEL") || not_a_sentinel.message().contains("sentinel"),
        "{not_a_sentinel}"
    );

    let refused = failure(&set.store("nobody:hunter2", ""));
    assert_eq!(refused.kind(), ErrorKind::StorePermission, "{refused:?}");
    assert!(refused.message().contains("WRONGPASS"), "{refused}");
}

#[test]
fn sentinels_may_require_their_own_login() {
    bigseg::needs!(Redis);
    let set = RedisSentinels::start_with("user watcher on >hunter2 -@all +sentinel|get-master-addr-by-name");
    let ask = |options: &str| {
        let reader = StoreConfig::parse(&set.store("", options)).unwrap().reader().unwrap();
        pollster::block_on(reader.metadata())
    };
    ask("sentinel_user=watcher&sentinel_password=hunter2").unwrap();
    let error = ask("sentinel_user=watcher&sentinel_password=hunter3").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorePermission, "{error:?}");
    assert!(error.message().contains("WRONGPASS") && !error.message().contains("hunter3"), "{error}");
}
