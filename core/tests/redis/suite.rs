//! The Redis store passes the suite over TCP, a Unix socket and TLS, and with minimal permissions.

use std::cell::Cell;

use bigseg::StoreConfig;
use bigseg::testkit::redis_server::{READER_COMMANDS, WRITER_COMMANDS};
use bigseg::testkit::{RedisServer, Reply, StoreUnderTest, store_suite};

use crate::redis_fixture::LONG_TIMEOUTS;

/// Creates stores, each with its own prefix. `store` returns the store string for a role and
/// options.
fn stores(store: impl Fn(&str, &str) -> String) -> impl Fn() -> StoreUnderTest {
    let count = Cell::new(0);
    move || {
        count.set(count.get() + 1);
        let options = format!("{LONG_TIMEOUTS}&prefix={}", count.get());
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
fn over_tcp() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    store_suite::run(stores(|_, options| server.store("", options)));
}

#[test]
fn over_a_unix_socket_in_another_database() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let socket = server.socket();
    store_suite::run(stores(|_, options| format!("redis+unix://{}?db=3&{options}", socket.display())));
    assert_eq!(server.client().sorted(&["KEYS", "*"]), [""; 0], "everything is in the other database");
}

#[test]
fn over_tls_with_a_client_certificate() {
    bigseg::needs!(Redis, OpenSsl);
    let server = RedisServer::start_tls();
    store_suite::run(stores(|_, options| server.store("", options)));
}

/// The permissions of docs/spec.md#permissions suffice. Only loads that replace a segment also need
/// `SCAN`.
#[test]
fn with_minimal_permissions() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    server.add_user("reader", READER_COMMANDS);
    server.add_user("writer", WRITER_COMMANDS);
    server.add_user("scanner", &["+scan", "+smembers"]);
    let failures =
        store_suite::failures(stores(|role, options| server.store(&format!("{role}:secret"), options)));
    let replacing = [
        "a replacing load forgets the segment's members, and them alone",
        "a segment can be replaced by nothing",
        "replacing a segment without members",
        "a list that breaks off is an error",
        "any sequence of loads ends as the model says",
    ];
    assert_eq!(failures, replacing);
    // The statistics show further commands, even if the store ignores that they are refused.
    let Reply::Text(stats) = server.client().run(&["INFO", "commandstats"]) else { panic!("INFO is text") };
    let mut used: Vec<&str> = stats
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_")?.split(':').next())
        .filter(|command| !["acl|setuser", "info", "ping"].contains(command))
        .collect();
    used.sort_unstable();
    let expected =
        ["auth", "del", "exec", "get", "multi", "sadd", "scan", "set", "smembers", "srem", "watch"];
    assert_eq!(used, expected);
    let Reply::Text(errors) = server.client().run(&["INFO", "errorstats"]) else { panic!("INFO is text") };
    let codes: Vec<_> =
        errors.lines().filter_map(|line| line.strip_prefix("errorstat_")?.split(':').next()).collect();
    assert_eq!(codes, ["NOPERM"], "no command is unknown to the server");
}
