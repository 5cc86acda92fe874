//! `get`, `check` and `status`.

use bigseg::{Clock, StoreConfig};
use serde_json::json;

use crate::command::{CliSandbox, USER1};

const POPULATION: &str = "user1,in.g1\nuser1,also-in.g2,include\nuser1,out.g1,exclude\n";

#[test]
fn get_shows_a_table() {
    let sandbox = CliSandbox::holding(POPULATION);
    let expected = format!(
        "context  {USER1}\nstatus   HEALTHY\n\nsegment     membership\n\
         also-in.g2  included\nin.g1       included\nout.g1      excluded\n"
    );
    assert_eq!(sandbox.run("get user1").succeeds(), expected);
    assert_eq!(sandbox.run(&format!("get --hash {USER1}")).succeeds(), expected);
    assert_eq!(sandbox.pipe("user1\n", "get -").succeeds(), expected);
    assert_eq!(sandbox.pipe(USER1, "get --hash -").succeeds(), expected);
    assert_eq!(sandbox.run("get --store local:store user1").succeeds(), expected);
}

#[test]
fn get_shows_json() {
    let sandbox = CliSandbox::holding(POPULATION);
    assert_eq!(
        sandbox.run("get --json user1").json(),
        json!({"hash": USER1, "included": ["also-in.g2", "in.g1"], "excluded": ["out.g1"],
               "status": "HEALTHY", "origin": "store"})
    );
    let nobody = sandbox.run("get --json nobody").json();
    assert_eq!((&nobody["included"], &nobody["excluded"]), (&json!([]), &json!([])));
    assert!(sandbox.run("get nobody").succeeds().ends_with("no value for any segment\n"));
}

#[test]
fn check_tells_three_answers_apart() {
    let sandbox = CliSandbox::holding(POPULATION);
    for (segment, word, check, exit) in [
        ("in.g1", "included", json!(true), 0),
        ("out.g1", "excluded", json!(false), 1),
        ("in.g2", "no value", json!(null), 3),
    ] {
        let said = sandbox.run(&format!("check user1 {segment}"));
        assert_eq!((said.out, said.exit), (format!("{word}\n"), exit));
        let said = sandbox.run(&format!("check --json --hash {USER1} {segment}"));
        assert_eq!(
            (said.json(), said.exit),
            (json!({"hash": USER1, "segment": segment, "check": check, "status": "HEALTHY"}), exit)
        );
        let said = sandbox.run(&format!("check --quiet user1 {segment}"));
        assert_eq!((said.out, said.err, said.exit), (String::new(), String::new(), exit));
    }
}

#[test]
fn a_stale_store_says_so() {
    let sandbox = CliSandbox::holding(POPULATION);
    let stale = "--stale-after 0.001s";
    assert_eq!(sandbox.run(&format!("status {stale}")).exit, 64, "whole seconds only");
    let store = StoreConfig::parse(&format!("local:{}", sandbox.path("store").display())).unwrap();
    store.writer().unwrap().set_synchronized_on(Clock::System.unix_millis() - 10_000).unwrap();
    let stale = "--stale-after 1s";
    let said = sandbox.run(&format!("status {stale}"));
    assert_eq!(said.exit, 4);
    assert!(said.out.contains("STALE") && said.out.contains("s ago)"), "{said:?}");
    let get = sandbox.run(&format!("get {stale} user1")).succeeds();
    assert!(get.contains("STALE\nlast up to date  20"), "{get}");
    assert_eq!(sandbox.run(&format!("check {stale} user1 in.g1")).out, "included (STALE)\n");
    assert_eq!(sandbox.run(&format!("check {stale} user1 in.g1")).exit, 0);
    assert_eq!(sandbox.run(&format!("check {stale} --healthy user1 in.g1")).exit, 4);
    assert_eq!(sandbox.run("check --stale-after never --healthy user1 in.g1").exit, 0);
}

#[test]
fn status_shows_every_field() {
    let sandbox = CliSandbox::holding(POPULATION);
    let said = sandbox.run("status --json");
    let status = said.json();
    assert_eq!(said.exit, 0);
    assert_eq!(
        (&status["store"], &status["status"], &status["available"], &status["stale"]),
        (&json!("local:store"), &json!("HEALTHY"), &json!(true), &json!(false))
    );
    assert_eq!((&status["last_error"], &status["clock_skew"]), (&json!(null), &json!(false)));
    assert!(status["last_up_to_date"].is_i64() && status["since"].is_i64());
    assert!(sandbox.run("status").succeeds().starts_with("store            local:store\nstatus  "));
}

#[test]
fn a_missing_store_is_an_error_everywhere() {
    let sandbox = CliSandbox::new();
    for command in ["get user1", "check user1 in.g1", "stats", "export"] {
        let message = sandbox.run(command).fails(69);
        assert!(message.starts_with("bigseg: there is no embedded store at store"), "{command}: {message}");
    }
    let said = sandbox.run("status --json");
    assert_eq!((said.exit, &said.json()["last_error"]["kind"]), (69, &json!("store_not_found")));
    let said = sandbox.run("get --json user1");
    assert_eq!((said.exit, &said.json()["status"]), (69, &json!("STORE_ERROR")));
    assert_eq!(said.json()["error"]["kind"], json!("store_not_found"));
}

#[test]
fn a_file_that_is_no_store_is_an_error() {
    let sandbox = CliSandbox::new();
    sandbox.file("store", "this is a letter to a friend\n".repeat(1000));
    for command in ["get user1", "status", "stats", "export", "import --format csv -"] {
        assert_eq!(sandbox.run(command).exit, 69, "{command}");
    }
}

#[test]
fn log_lines_are_shown_on_demand() {
    let sandbox = CliSandbox::holding(POPULATION);
    let said = sandbox.run("status --stale-after never -v");
    assert_eq!(said.exit, 0);
    assert!(said.err.starts_with("bigseg: info: store status"), "{said:?}");
}
