//! A store in a Redis cluster passes the suite, with the schema that every SDK reads, and with
//! minimal permissions.

use bigseg::store::Cursor;
use std::cell::Cell;

use bigseg::StoreConfig;
use bigseg::patch::PatchOutcome;
use bigseg::testkit::redis_server::{READER_COMMANDS, WRITER_COMMANDS};
use bigseg::testkit::samples::{list, patch};
use bigseg::testkit::{RedisCluster, Reply, StoreUnderTest, store_suite};

use crate::redis_fixture::LONG_TIMEOUTS;

/// Creates stores, each with its own prefix. `store` returns the store string for a role and
/// options.
fn stores(store: impl Fn(&str, &str) -> String) -> impl Fn() -> StoreUnderTest {
    let count = Cell::new(0);
    move || {
        count.set(count.get() + 1);
        let options = format!("{LONG_TIMEOUTS}&prefix=p{}", count.get());
        let config = |role| StoreConfig::parse(&store(role, &options)).unwrap();
        StoreUnderTest {
            writer: config("writer").writer().unwrap(),
            reader: config("reader").reader().unwrap(),
            scanner: Some(config("scanner").scanner().unwrap()),
            most_refs: 10_000,
            loads_atomically: false,
        }
    }
}

#[test]
fn passes_the_suite() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(3);
    store_suite::run(stores(|_, options| cluster.store("", options)));
}

#[test]
fn over_tls_with_a_client_certificate() {
    bigseg::needs!(Redis, OpenSsl);
    let cluster = RedisCluster::start_tls(2);
    store_suite::run(stores(|_, options| cluster.store("", options)));
}

/// One slot for the whole environment: patches are applied as on a single server.
#[test]
fn with_a_hash_tag_in_the_prefix() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(3);
    store_suite::run(stores(|_, options| cluster.store("", &format!("{options}%7Btag%7D"))));
}

/// The permissions of docs/spec.md#permissions suffice, without `CLUSTER`. Only loads that replace
/// a segment also need `SCAN`.
#[test]
fn with_minimal_permissions() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(3);
    cluster.add_user("reader", READER_COMMANDS);
    cluster.add_user("writer", WRITER_COMMANDS);
    cluster.add_user("scanner", &["+scan", "+smembers", "+get", "+ping"]);
    let failures =
        store_suite::failures(stores(|role, options| cluster.store(&format!("{role}:secret"), options)));
    let replacing = [
        "a replacing load forgets the segment's members, and them alone",
        "a segment can be replaced by nothing",
        "replacing a segment without members",
        "a list that breaks off is an error",
        "any sequence of loads ends as the model says",
    ];
    assert_eq!(failures, replacing);
}

/// The keys are those of a single server, without the lock, which does not help across slots.
#[test]
fn the_schema_is_the_same() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(2);
    let writer = StoreConfig::parse(&cluster.store("", "prefix=env")).unwrap().writer().unwrap();
    let mut first = patch("s.g1", "", "v1", list(&["user1"], &[]));
    first.changes.excluded = list(&["user2"], &[]);
    assert_eq!(writer.apply(&first, Cursor::Advance).unwrap(), PatchOutcome::Applied);
    writer.set_synchronized_on(1_700_000_000_123).unwrap();
    let (include, exclude) = (
        "env:big_segment_include:CgQblGLKpKMbrDVn4Lbm/ZEAeH2yq0M9lvbReMq/zpA=",
        "env:big_segment_exclude:YCXRj+SKvUUWhSjxioLiZd2Y1CGnCEqgn2GzQXA5AaM=",
    );
    let cursor = "env:big_segments_cursor";
    let sync = "env:big_segments_synchronized_on";
    assert_eq!(cluster.keys(), [exclude, include, cursor, sync]);
    for key in [include, exclude] {
        assert_eq!(cluster.run(&["SMEMBERS", key]), Reply::List(vec![Reply::Text("s.g1".to_owned())]));
    }
    assert_eq!(cluster.run(&["GET", cursor]), Reply::Text("v1".to_owned()));
    assert_eq!(cluster.run(&["GET", sync]), Reply::Text("1700000000123".to_owned()));
}
