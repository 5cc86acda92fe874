//! `hash` and `ref`.

use serde_json::json;

use crate::command::{USER1, USER2, Workplace};

#[test]
fn hashes_are_those_of_the_stores() {
    let workplace = Workplace::new();
    let both = format!("{USER1}\n{USER2}\n");
    assert_eq!(workplace.run("hash user1 user2").succeeds(), both);
    assert_eq!(workplace.pipe("user1\r\nuser2", "hash").succeeds(), both);
    assert_eq!(workplace.run("hash --json user1").json(), json!({"hash": USER1}));
    assert_eq!(workplace.run("hash -- -").succeeds(), workplace.pipe("-\n", "hash").succeeds());
    assert_eq!(workplace.run("hash é").succeeds(), "SplVfkAzw1Od4utlRyAXytX5VX96BiWgnxw/biumnEw=\n");
}

#[test]
fn what_is_no_key_is_named_by_its_place() {
    let workplace = Workplace::new();
    let said = workplace.pipe("user1\n\nuser2\n", "hash");
    assert_eq!((said.exit, said.out), (65, format!("{USER1}\n")));
    assert_eq!(said.err, "bigseg: standard input, line 2: the context key is empty\n");
    assert!(workplace.pipe(b"\xff\n", "hash").fails(65).contains("not UTF-8"));
}

#[test]
fn refs_are_spelled_and_taken_apart() {
    let workplace = Workplace::new();
    assert_eq!(workplace.run("ref beta 3").succeeds(), "beta.g3\n");
    assert_eq!(workplace.run("ref my.g1.beta.g0").succeeds(), "my.g1.beta\t0\n");
    let parts = json!({"ref": "my.beta.g3", "segment_key": "my.beta", "generation": 3});
    assert_eq!(workplace.run("ref --json my.beta.g3").json(), parts);
    assert_eq!(workplace.run("ref --json my.beta 3").json(), parts);
    workplace.run("ref beta").fails(65);
    workplace.run("ref beta -1").fails(64);
}
