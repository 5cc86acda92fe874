//! Error messages name the server and say what to do, and never contain the password.

use std::io::{Read, Write};

use crate::fixture::in_thread;
use bigseg::testkit::redis_server::{READER_COMMANDS, free_port};
use bigseg::testkit::samples::hash;
use bigseg::testkit::{RedisServer, Reply};
use bigseg::{Error, ErrorKind, StoreConfig};

/// Checks that every call to a store fails with the same kind, and returns the error of the reader.
#[track_caller]
fn failure(store: &str, kind: ErrorKind) -> Error {
    let config = StoreConfig::parse(store).unwrap();
    let reader = config.reader().unwrap();
    let error = pollster::block_on(reader.memberships(&[hash("a")])).unwrap_err();
    let others = [
        pollster::block_on(reader.metadata()).unwrap_err(),
        config.writer().unwrap().cursor().unwrap_err(),
        config.scanner().unwrap().scan(&mut |_, _| panic!("it holds nothing")).unwrap_err(),
    ];
    for error in others.iter().chain([&error]) {
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(!format!("{error:?} {config:?} {config}").contains("hunter2"), "{error:?}");
    }
    error
}

#[track_caller]
fn assert_says(error: &Error, words: &[&str]) {
    for word in words {
        assert!(error.message().contains(word), "{error} lacks {word}");
    }
}

#[test]
fn a_bad_address_names_host_and_port() {
    let port = free_port();
    let error = failure(&format!("redis://:hunter2@127.0.0.1:{port}"), ErrorKind::StoreUnavailable);
    assert_says(&error, &[&format!("127.0.0.1:{port}"), "running"]);
    // The resolver decides how soon it fails.
    let nowhere =
        StoreConfig::parse("redis://user:hunter2@no-such-host.invalid:7000?connect_timeout=60s").unwrap();
    let error = pollster::block_on(nowhere.reader().unwrap().metadata()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::StoreUnavailable | ErrorKind::StoreTimeout), "{error:?}");
    assert_says(&error, &["no-such-host.invalid:7000"]);
    let error = failure("redis+unix:///no/such/socket", ErrorKind::StoreUnavailable);
    assert_says(&error, &["/no/such/socket"]);
}

#[test]
fn a_server_that_never_answers_names_host_and_port() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let store = format!("redis://:hunter2@127.0.0.1:{port}?connect_timeout=50ms");
    assert_says(&failure(&store, ErrorKind::StoreTimeout), &[&format!("127.0.0.1:{port}"), "50ms"]);
}

#[test]
fn a_wrong_password_is_a_permission_error() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let address = format!("127.0.0.1:{}", server.port());
    assert_says(
        &failure(&server.store(":hunter2", ""), ErrorKind::StorePermission),
        &[&address, "password was given"],
    );
    server.add_user("reader", READER_COMMANDS);
    for login in ["reader:hunter2", "reader", "nobody:hunter2"] {
        let error = failure(&server.store(login, ""), ErrorKind::StorePermission);
        assert_says(&error, &[&address, "WRONGPASS"]);
    }
    server.client().run(&["CONFIG", "SET", "requirepass", "secret with / and @"]);
    assert_says(
        &failure(&server.store("", ""), ErrorKind::StorePermission),
        &[&address, "requires a password"],
    );
    assert_says(
        &failure(&server.store(":hunter2", ""), ErrorKind::StorePermission),
        &[&address, "WRONGPASS"],
    );

    let config = StoreConfig::parse(&server.store(":secret%20with%20%2F%20and%20%40", "")).unwrap();
    config.writer().unwrap().set_synchronized_on(5).unwrap();
    assert_eq!(pollster::block_on(config.reader().unwrap().metadata()).unwrap().synchronized_on, Some(5));
}

#[test]
fn a_server_at_its_client_limit_is_not_reported_as_a_wrong_password() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let mut client = server.client();
    client.run(&["CONFIG", "SET", "requirepass", "hunter2"]);
    client.run(&["AUTH", "hunter2"]);
    assert_eq!(client.run(&["CONFIG", "SET", "maxclients", "1"]), Reply::Text("OK".to_owned()));
    let error = failure(&server.store(":hunter2", ""), ErrorKind::StoreUnavailable);
    assert!(!error.message().contains("password is wrong"), "{error}");
}

/// Starts a server that sends the same reply to every command, and returns its port. It ends with
/// the process.
fn fixed_reply_server(reply: &'static str) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    in_thread(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            in_thread(move || {
                let mut bytes = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut bytes) {
                    // Each command begins a line with a star.
                    let commands =
                        bytes[..length].split(|b| *b == b'\n').filter(|line| line.starts_with(b"*"));
                    if stream.write_all(reply.repeat(commands.count()).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[test]
fn error_replies_become_errors_with_advice() {
    for (reply, kind, word) in [
        ("-LOADING Redis is loading the dataset in memory\r\n", ErrorKind::StoreUnavailable, "still loading"),
        ("-BUSY Redis is busy running a script\r\n", ErrorKind::StoreUnavailable, "busy with a script"),
        ("-MASTERDOWN Link with MASTER is down\r\n", ErrorKind::StoreUnavailable, "lost its master"),
        ("-NOPERM this user has no permissions\r\n", ErrorKind::StorePermission, "lacks a permission"),
        ("-MOVED 866 10.0.0.1:6379\r\n", ErrorKind::Unsupported, "cluster"),
        ("-ERR unknown command\r\n", ErrorKind::StoreUnavailable, "ERR unknown command"),
    ] {
        let port = fixed_reply_server(reply);
        let error = failure(&format!("redis://127.0.0.1:{port}"), kind);
        assert_says(&error, &[word, &format!("127.0.0.1:{port}")]);
    }
}

/// Some servers repeat the arguments of a command that they do not support.
#[test]
fn a_server_message_that_contains_the_password_is_withheld() {
    let port =
        fixed_reply_server("-ERR unknown command 'AUTH', with args beginning with: 'user' 'hunter2'\r\n");
    let error = failure(&format!("redis://user:hunter2@127.0.0.1:{port}"), ErrorKind::StoreUnavailable);
    assert_says(&error, &["server message withheld: it contains the password"]);
}

#[test]
fn a_missing_permission_is_named() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    server.add_user("nobody", &["+ping"]);
    let error = failure(&server.store("nobody:secret", ""), ErrorKind::StorePermission);
    assert_says(&error, &["permission", "smembers"]);
    let config = StoreConfig::parse(&server.store("nobody:secret", "")).unwrap();
    let error = config.scanner().unwrap().scan(&mut |_, _| panic!("it holds nothing")).unwrap_err();
    assert_says(&error, &["SCAN"]);
    let other_database = server.store("nobody:secret", "").replace('?', "/1?");
    assert_says(&failure(&other_database, ErrorKind::StorePermission), &["logging in", "select"]);
}

#[test]
fn a_certificate_must_be_trusted_and_have_the_right_name() {
    bigseg::needs!(Redis, OpenSsl);
    let server = RedisServer::start_tls();
    let store = server.store("", "");
    let ask = |store: &str| {
        let reader = StoreConfig::parse(store).unwrap().reader().unwrap();
        pollster::block_on(reader.metadata())
    };
    ask(&store).unwrap();
    ask(&store.replace("127.0.0.1", "localhost")).unwrap();
    ask(&format!("{store}&server_name=redis.test")).unwrap();

    let says = |store: &str, word: &str| {
        let error = ask(store).unwrap_err();
        assert_says(&error, &[word, &format!(":{}", server.port())]);
    };
    says(&format!("{store}&server_name=other.test"), "other.test");
    let file = |name: &str| server.certificates().file(name);
    let foreign = tempfile::tempdir().unwrap();
    let other = bigseg::testkit::certificates::Certificates::make(foreign.path());
    says(&store.replace(&file("ca.crt"), &other.file("ca.crt")), "certificate");
    says(&store.replace(&file("client.crt"), "/no/such/file"), "cert_file /no/such/file");
    let error = ask(&store.replace(&file("client.key"), &file("client.crt"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "a certificate is not a key: {error:?}");
    let without_client = format!("rediss://127.0.0.1:{}?ca_file={}", server.port(), file("ca.crt"));
    assert!(ask(&without_client).is_err(), "the server requires a client certificate");
    let without_tls = format!("redis://127.0.0.1:{}", server.port());
    assert!(ask(&without_tls).is_err(), "the server accepts TLS only");
}
