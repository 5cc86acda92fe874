//! The command on a store in Redis: the same words, but for what an import that fails leaves behind.

use bigseg::testkit::redis_server::{READER_COMMANDS, WRITER_COMMANDS, free_port};
use bigseg::testkit::{RedisCluster, RedisServer};

use crate::command::{CliSandbox, USER1, USER2};

const LIST: &str = "user1,beta.g1\nuser2,beta.g1,exclude\nuser2,gamma.g2\n";

/// Runs a command on a store, which it finds in its environment.
fn run(sandbox: &CliSandbox, store: &str, arguments: &str) -> crate::command::CommandOutput {
    sandbox.command(arguments).env("BIGSEG_STORE", store).output().unwrap().into()
}

#[test]
fn import_get_check_stats_and_export() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let store = server.store("", "prefix=env");
    let sandbox = CliSandbox::new();
    sandbox.file("list.csv", LIST);
    let said = run(&sandbox, &store, "import list.csv").succeeds();
    assert!(said.contains(&format!("into redis://127.0.0.1:{}?prefix=env", server.port())), "{said}");
    let said = run(&sandbox, &store, "get user2").succeeds();
    assert!(said.contains("HEALTHY") && said.contains("gamma.g2"), "{said}");
    assert_eq!(run(&sandbox, &store, "check user1 beta.g1").exit, 0);
    let stats = run(&sandbox, &store, "stats").succeeds();
    assert!(stats.contains("beta.g1") && stats.contains("gamma.g2"), "{stats}");
    let mut lines: Vec<String> =
        run(&sandbox, &store, "export").succeeds().lines().map(str::to_owned).collect();
    lines.sort();
    let expected = [
        format!(r#"{{"hash":"{USER1}","included":["beta.g1"]}}"#),
        format!(r#"{{"hash":"{USER2}","included":["gamma.g2"],"excluded":["beta.g1"]}}"#),
    ];
    assert_eq!(lines, expected);
    sandbox.file("next.csv", "user3,beta.g1\n");
    let said = run(&sandbox, &store, "import --replace beta.g1 next.csv").succeeds();
    assert!(said.contains("beta.g1 had 2 members before"), "{said}");
}

#[test]
fn a_cluster_is_a_store_like_any_other() {
    bigseg::needs!(Redis);
    let cluster = RedisCluster::start(2);
    let store = cluster.store("", "prefix=env");
    let sandbox = CliSandbox::new();
    sandbox.file("list.csv", LIST);
    let said = run(&sandbox, &store, "import list.csv").succeeds();
    assert!(said.contains("into redis+cluster://127.0.0.1:"), "{said}");
    let said = run(&sandbox, &store, "get user2").succeeds();
    assert!(said.contains("HEALTHY") && said.contains("gamma.g2"), "{said}");
    let said = run(&sandbox, &store, "import --replace beta.g1 list.csv").succeeds();
    assert!(said.contains("beta.g1 had 2 members before"), "{said}");
    let said = run(&sandbox, &store, "import --resume-after 1 list.csv").succeeds();
    assert!(said.contains("imported 2 contexts"), "{said}");
    let said = run(&sandbox, &store, "import --resume-after 3 list.csv").fails(65);
    assert!(said.contains("use the lists of the interrupted import"), "{said}");
    let said = run(&sandbox, "local:./population.bigseg", "import --resume-after 1 list.csv").fails(64);
    assert!(said.contains("never partial"), "{said}");
}

#[test]
fn a_failure_says_what_it_costs() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    server.add_user("writer", WRITER_COMMANDS);
    server.add_user("reader", READER_COMMANDS);
    let (writer, reader) = (server.store("writer:secret", ""), server.store("reader:secret", ""));
    let sandbox = CliSandbox::new();
    sandbox.file("list.csv", LIST);
    run(&sandbox, &writer, "import list.csv").succeeds();
    let said = run(&sandbox, &writer, "import --replace beta.g1 list.csv").fails(69);
    assert!(said.contains("SCAN") && said.contains("run it again to complete it"), "{said}");
    let said = run(&sandbox, &reader, "import list.csv").fails(69);
    assert!(said.contains("permission"), "{said}");
    for command in ["stats", "export"] {
        let said = run(&sandbox, &reader, command).fails(69);
        assert!(said.contains("SCAN") && said.contains("permission"), "{command}: {said}");
    }
    run(&sandbox, &reader, "get user1").succeeds();
}

#[test]
fn the_status_says_whether_changes_are_told() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    server.add_user("reader", READER_COMMANDS);
    let store = server.store("", "");
    let sandbox = CliSandbox::new();
    sandbox.file("list.csv", LIST);
    run(&sandbox, &store, "import list.csv").succeeds();
    let said = run(&sandbox, &store, "status").succeeds();
    assert!(said.contains("push invalidation") && !said.contains("limitation"), "{said}");
    let said = run(&sandbox, &store, "status --json").succeeds();
    assert!(said.contains(r#""push_invalidation":true,"limitations":[]"#), "{said}");
    let said = run(&sandbox, &server.store("reader:secret", ""), "status").succeeds();
    assert!(said.contains("limitation") && said.contains("+client|tracking"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_found_out_before_the_list_is_read() {
    let sandbox = CliSandbox::new();
    sandbox.file("list.csv", "this list is not even read\n");
    let port = free_port();
    let store = format!("redis://user:hunter2@127.0.0.1:{port}");
    for command in ["import list.csv", "get user1", "stats", "export"] {
        let said = run(&sandbox, &store, command).fails(69);
        assert!(
            said.contains(&format!("127.0.0.1:{port}")) && !said.contains("hunter2"),
            "{command}: {said}"
        );
    }
}
