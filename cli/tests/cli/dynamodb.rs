//! The command on a store in DynamoDB: the same words, and those about its table.

use bigseg::testkit::DynamoDbServer;
use bigseg::testkit::dynamodb_faults::denied;
use bigseg::testkit::dynamodb_server::{environment, store_at};
use bigseg::testkit::http::Message;
use bigseg::testkit::http_proxy::{HttpProxy, Reaction, action};
use bigseg::testkit::redis_server::free_port;
use serde_json::json;

use crate::command::{CliSandbox, CommandOutput, USER1, USER2};

const LIST: &str = "user1,beta.g1\nuser2,beta.g1,exclude\nuser2,gamma.g2\n";

/// Runs a command on a store, which it finds in its environment, with credentials.
fn run(sandbox: &CliSandbox, store: &str, arguments: &str) -> CommandOutput {
    sandbox.command(arguments).env("BIGSEG_STORE", store).envs(environment()).output().unwrap().into()
}

/// Lets some actions through.
fn allow(server: &DynamoDbServer, actions: &'static [&'static str]) -> HttpProxy {
    HttpProxy::start(server.port(), move |request| match action(request) {
        asked if actions.contains(&asked) => Reaction::Pass,
        asked => Reaction::Respond(denied(asked)),
    })
}

#[test]
fn import_get_check_stats_and_export() {
    let server = DynamoDbServer::start();
    let store = server.store("prefix=env");
    let sandbox = CliSandbox::new();
    sandbox.file("list.csv", LIST);
    let said = run(&sandbox, &store, "import list.csv").succeeds();
    assert!(said.contains("into dynamodb://segments?region=eu-west-1&prefix=env"), "{said}");
    let said = run(&sandbox, &store, "get user2").succeeds();
    assert!(said.contains("HEALTHY") && said.contains("gamma.g2"), "{said}");
    assert_eq!(run(&sandbox, &store, "check user1 beta.g1").exit, 0);
    assert_eq!(run(&sandbox, &store, "status").exit, 0);
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
fn a_failure_says_what_it_costs() {
    let server = DynamoDbServer::start();
    let writer = allow(&server, &["GetItem", "UpdateItem", "TransactWriteItems"]);
    let reader = allow(&server, &["GetItem"]);
    let (writer, reader) = (store_at(writer.port(), ""), store_at(reader.port(), ""));
    let sandbox = CliSandbox::new();
    sandbox.file("list.csv", LIST);
    run(&sandbox, &writer, "import list.csv").succeeds();
    let said = run(&sandbox, &writer, "import --replace beta.g1 list.csv").fails(69);
    assert!(said.contains("dynamodb:Query") && said.contains("run it again to complete it"), "{said}");
    let said = run(&sandbox, &reader, "import list.csv").fails(69);
    assert!(said.contains("dynamodb:UpdateItem"), "{said}");
    for command in ["stats", "export"] {
        let said = run(&sandbox, &reader, command).fails(69);
        assert!(said.contains("dynamodb:Query"), "{command}: {said}");
    }
    run(&sandbox, &reader, "get user1").succeeds();
}

#[test]
fn what_is_not_there_is_found_out_before_the_list_is_read() {
    let server = DynamoDbServer::start();
    let sandbox = CliSandbox::new();
    sandbox.file("list.csv", "this list is not even read\n");
    let port = free_port();
    let nowhere = store_at(port, "");
    for command in ["import list.csv", "get user1", "stats", "export", "table check", "table create"] {
        let said = run(&sandbox, &nowhere, command).fails(69);
        assert!(said.contains(&format!("127.0.0.1:{port}")), "{command}: {said}");
    }
    let no_table = server.store("").replace("segments", "no-such-table");
    for command in ["import list.csv", "get user1", "stats", "table check"] {
        let said = run(&sandbox, &no_table, command).fails(69);
        assert!(said.contains("no-such-table") && said.contains("bigseg table create"), "{command}: {said}");
    }
}

#[test]
fn a_table_is_created_and_checked() {
    let server = DynamoDbServer::start();
    let store = server.store("").replace("segments", "fresh-table");
    let sandbox = CliSandbox::new();
    let said = run(&sandbox, &store, "table create").succeeds();
    assert!(said.starts_with("created dynamodb://fresh-table?region=eu-west-1"), "{said}");
    assert!(run(&sandbox, &store, "table create").succeeds().contains("exists already"));
    let said = run(&sandbox, &store, "table check").succeeds();
    for word in ["ACTIVE", "on demand", "valid", "GetItem", "ConditionCheckItem", "permitted"] {
        assert!(said.contains(word), "{said} lacks {word}");
    }
    assert!(!said.contains("denied"), "{said}");
    let checked = run(&sandbox, &store, "table check --json").json();
    assert_eq!((&checked["status"], &checked["on_demand"]), (&json!("ACTIVE"), &json!(true)));
    assert_eq!(checked["actions"][4]["permitted"], json!(true));
}

#[test]
fn what_is_denied_shows() {
    let server = DynamoDbServer::start();
    let sandbox = CliSandbox::new();
    let reader = allow(&server, &["GetItem", "BatchGetItem"]);
    let said = run(&sandbox, &store_at(reader.port(), ""), "table check").succeeds();
    let line = |action: &str| said.lines().find(|line| line.starts_with(action)).unwrap().to_owned();
    assert!(said.contains("unknown, without dynamodb:DescribeTable"), "{said}");
    assert!(line("GetItem").contains("permitted") && line("BatchGetItem").contains("permitted"), "{said}");
    assert!(line("Query").contains("denied") && line("UpdateItem").contains("denied"), "{said}");
    let nobody = allow(&server, &[]);
    let said = run(&sandbox, &store_at(nobody.port(), ""), "table check --json");
    assert_eq!(said.exit, 69);
    let action = &said.json()["actions"][0];
    assert_eq!((&action["permitted"], &action["error"]["kind"]), (&json!(false), &json!("store_permission")));
}

#[test]
fn only_dynamodb_has_tables() {
    let said = CliSandbox::new().run("table check").fails(64);
    assert!(said.contains("dynamodb://my-table"), "{said}");
}

#[test]
fn credentials_may_come_from_the_container() {
    let server = DynamoDbServer::start();
    let container = HttpProxy::serve(|_| {
        let answer = json!({
            "AccessKeyId": "CONTAINER", "SecretAccessKey": "hunter2", "Token": "token",
            "Expiration": "2100-01-01T00:00:00Z",
        });
        Message::response(200, "application/json", answer.to_string())
    });
    let door = HttpProxy::start(server.port(), |request| {
        assert!(request.header("authorization").unwrap().contains("Credential=CONTAINER/"));
        Reaction::Pass
    });
    let sandbox = CliSandbox::new();
    let store = store_at(door.port(), "");
    let url = format!("http://127.0.0.1:{}/credentials", container.port());
    let mut command = sandbox.command("get --json user1");
    let command = command.env("BIGSEG_STORE", &store).env("AWS_EC2_METADATA_DISABLED", "true");
    let said: CommandOutput = command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url).output().unwrap().into();
    assert_eq!(said.json()["status"], json!("STALE"), "{said:?}");
}

#[test]
fn without_credentials_it_is_said_where_they_were_looked_for() {
    let server = DynamoDbServer::start();
    let sandbox = CliSandbox::new();
    let mut command = sandbox.command("get user1");
    let command = command.env("BIGSEG_STORE", server.store("")).env("AWS_EC2_METADATA_DISABLED", "true");
    let said: CommandOutput = command.output().unwrap().into();
    let message = said.fails(69);
    for word in ["finding credentials", "environment", "profile", "container"] {
        assert!(message.contains(word), "{message} lacks {word}");
    }
}
