//! Servers whose state makes them reply to every command with an error.

use crate::fixture::{eventually, in_thread};
use crate::redis_fixture::{LONG_TIMEOUTS, RedisFixture, fill};
use bigseg::testkit::redis_server::free_port;
use bigseg::testkit::{RedisServer, Reply};
use bigseg::{LookupStatus, Origin};

#[test]
fn a_server_that_is_loading_its_data() {
    bigseg::needs!(Redis);
    let mut server = RedisServer::start();
    fill(&server);
    let fixture = RedisFixture::open(&server.store("", LONG_TIMEOUTS));
    server.restart_loading();
    fixture.assert_outage("still loading");
    server.finish_loading();
    fixture.becomes_healthy();
}

#[test]
fn a_server_that_runs_an_endless_script() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    fill(&server);
    let fixture = RedisFixture::open(&server.store("", LONG_TIMEOUTS));
    set(&server, "busy-reply-threshold", "1");
    let mut client = server.client();
    let script = in_thread(move || client.run(&["EVAL", "while true do end", "0"]));
    eventually(
        "the server reports it",
        || matches!(server.client().run(&["PING"]), Reply::Error(message) if message.starts_with("BUSY")),
    );
    fixture.assert_outage("busy with a script");
    assert_eq!(server.client().run(&["SCRIPT", "KILL"]), ok());
    assert!(matches!(script.join().unwrap(), Reply::Error(_)));
    fixture.becomes_healthy();
}

#[test]
fn a_replica_without_its_master_serves_readers_only_if_configured() {
    bigseg::needs!(Redis);
    let master = RedisServer::start();
    let replica = RedisServer::start();
    // Otherwise a master waits for more replicas before it sends anything.
    set(&master, "repl-diskless-sync-delay", "0");
    fill(&master);
    follow(&replica, master.port());
    eventually("the replica has its master's data", || {
        let Reply::Text(info) = replica.client().run(&["INFO", "replication"]) else {
            panic!("INFO is text")
        };
        info.contains("master_link_status:up")
    });
    let fixture = RedisFixture::open(&replica.store("", LONG_TIMEOUTS));

    follow(&replica, free_port());
    let answer = fixture.ask("a");
    assert_eq!(
        (answer.status, answer.origin),
        (LookupStatus::Healthy, Origin::Store),
        "as configured by default"
    );
    set(&replica, "replica-serve-stale-data", "no");
    fixture.assert_outage("lost its master");
    follow(&replica, master.port());
    fixture.becomes_healthy();
}

fn ok() -> Reply {
    Reply::Text("OK".to_owned())
}

fn set(server: &RedisServer, name: &str, value: &str) {
    assert_eq!(server.client().run(&["CONFIG", "SET", name, value]), ok());
}

fn follow(replica: &RedisServer, port: u16) {
    assert_eq!(replica.client().run(&["REPLICAOF", "127.0.0.1", &port.to_string()]), ok());
}
