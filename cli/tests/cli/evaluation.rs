//! `explain` and `evaluate`.

use serde_json::json;

use crate::command::{CliSandbox, USER1};

const POPULATION: &str = "user1,beta.g3\nuser2,beta.g3,exclude\n";

fn sandbox() -> CliSandbox {
    let sandbox = CliSandbox::holding(POPULATION);
    let asks = |segment: &str| json!({"attribute": "", "op": "segmentMatch", "values": [segment]});
    let rule = json!({"id": "gold", "clauses": [{"attribute": "plan", "op": "in", "values": ["gold"]}]});
    let data = json!({
        "flags": {
            "page": {"key": "page", "version": 1, "on": true, "variations": ["old", "new"],
                "fallthrough": {"variation": 0},
                "rules": [{"id": "testers", "variation": 1, "clauses": [asks("beta")]}]},
            "circle": {"key": "circle", "version": 1, "on": true, "variations": [1], "fallthrough": {"variation": 0},
                "prerequisites": [{"key": "circle", "variation": 0}]},
        },
        "segments": {
            "beta": {"key": "beta", "version": 1, "unbounded": true, "generation": 3, "rules": [rule]},
            "nested": {"key": "nested", "version": 1, "rules": [{"clauses": [asks("beta")]}]},
        },
    });
    sandbox.file("data.json", data.to_string());
    sandbox
}

fn user(key: &str) -> String {
    json!({"kind": "user", "key": key}).to_string()
}

#[test]
fn explain_tells_everything() {
    let sandbox = sandbox();
    let said = sandbox.run(&format!("explain --data data.json --segment beta --context {}", user("user1")));
    let expected = format!(
        "segment     beta.g3\ncontext     {USER1}\nanswer      in the segment\nreason      included by the list\n\
         membership  included\norigin      the embedded store\nstatus      HEALTHY\n"
    );
    assert_eq!(said.succeeds(), expected);
    let gold = json!({"kind": "user", "key": "nobody", "plan": "gold"}).to_string();
    let said = sandbox.pipe(&gold, "explain --data data.json --segment nested --context -").succeeds();
    assert!(
        said.starts_with("segment  nested\nanswer   in the segment\nreason   rule 0 matches\n"),
        "{said}"
    );
    assert!(said.ends_with("beta.g3  HEALTHY  rule 0 (gold) matches\n"), "{said}");
}

#[test]
fn explain_shows_json() {
    let sandbox = sandbox();
    let said =
        sandbox.run(&format!("explain --json --data data.json --segment beta --context {}", user("user1")));
    assert_eq!(
        said.json(),
        json!({"isMatch": true, "status": "HEALTHY", "hash": USER1, "value": true, "origin": "store", "embedded": true,
               "decisions": [{"segmentKey": "beta", "segmentRef": "beta.g3", "decider": "included", "status": "HEALTHY"}]})
    );
}

#[test]
fn the_exit_status_tells_who_is_in() {
    let sandbox = sandbox();
    for (key, exit, words) in
        [("user1", 0, "included by"), ("user2", 1, "excluded by"), ("user3", 1, "no rule matches")]
    {
        for command in ["explain", "evaluate"] {
            let said =
                sandbox.run(&format!("{command} --data data.json --segment beta --context {}", user(key)));
            assert_eq!(said.exit, exit, "{said:?}");
            assert!(said.out.contains(words), "{said:?}");
        }
    }
}

#[test]
fn evaluate_serves_a_flag() {
    let sandbox = sandbox();
    let said = sandbox.run(&format!("evaluate --data data.json --flag page --context {}", user("user1")));
    assert_eq!(
        said.succeeds(),
        "value      \"new\"\nvariation  1\nreason     RULE_MATCH: rule 0 (testers) matches\nstatus     HEALTHY\n\n\
         segment  status   reason\nbeta.g3  HEALTHY  included by the list\n"
    );
    let said =
        sandbox.run(&format!("evaluate --json --data data.json --flag page --context {}", user("user2")));
    assert_eq!(
        said.json(),
        json!({"value": "old", "variation": 0, "reason": {"kind": "FALLTHROUGH", "bigSegmentsStatus": "HEALTHY"},
               "decisions": [{"segmentKey": "beta", "segmentRef": "beta.g3", "decider": "excluded", "status": "HEALTHY"}]})
    );
}

#[test]
fn what_cannot_be_evaluated_is_an_error() {
    let sandbox = sandbox();
    let who = user("user1");
    let run = |arguments: &str| sandbox.run(&format!("{arguments} --context {who}"));
    assert!(run("evaluate --data data.json --flag nowhere").fails(65).contains("FLAG_NOT_FOUND"));
    assert!(run("evaluate --data data.json --flag circle").fails(65).contains("MALFORMED_FLAG"));
    assert!(run("explain --data data.json --segment nowhere").fails(65).contains("SEGMENT_NOT_FOUND"));
    assert!(run("explain --data nowhere.json --segment beta").fails(65).contains("cannot be read"));
    sandbox.file("bad.json", "{\"flags\": []}");
    assert!(run("explain --data bad.json --segment beta").fails(65).contains("bad.json: \"flags\""));
    assert_eq!(run("evaluate --data data.json").exit, 64, "neither flag nor segment");
    assert_eq!(run("evaluate --data data.json --flag a --segment b").exit, 64, "both");
    let said = run("evaluate --json --data data.json --flag nowhere --default 7");
    assert_eq!((said.exit, &said.json()["value"]), (65, &json!(7)));
    assert_eq!(sandbox.run("evaluate --data data.json --flag page --context {}").exit, 65);
}

#[test]
fn a_store_that_fails_is_told() {
    let sandbox = sandbox();
    let said = sandbox.run(&format!(
        "explain --store local:nowhere --data data.json --segment beta --context {}",
        user("user1")
    ));
    assert_eq!(said.exit, 69, "{said:?}");
    assert!(said.out.contains("status      STORE_ERROR") && said.out.contains("store_not_found"), "{said:?}");
    let said = sandbox.run(&format!(
        "evaluate --store local:nowhere --data data.json --flag page --context {}",
        user("user1")
    ));
    assert_eq!(said.exit, 69, "{said:?}");
    assert!(said.out.contains("value      \"old\""), "the rules still decide: {said:?}");
}
