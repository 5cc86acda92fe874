//! `hash` and `ref`.

use serde_json::json;

use crate::command::{CliSandbox, USER1, USER2};

#[test]
fn hashes_are_those_of_the_stores() {
    let sandbox = CliSandbox::new();
    let both = format!("{USER1}\n{USER2}\n");
    assert_eq!(sandbox.run("hash user1 user2").succeeds(), both);
    assert_eq!(sandbox.pipe("user1\r\nuser2", "hash").succeeds(), both);
    assert_eq!(sandbox.run("hash --json user1").json(), json!({"hash": USER1}));
    assert_eq!(sandbox.run("hash -- -").succeeds(), sandbox.pipe("-\n", "hash").succeeds());
    assert_eq!(sandbox.run("hash é").succeeds(), "SplVfkAzw1Od4utlRyAXytX5VX96BiWgnxw/biumnEw=\n");
}

#[test]
fn what_is_no_key_is_named_by_its_place() {
    let sandbox = CliSandbox::new();
    let said = sandbox.pipe("user1\n\nuser2\n", "hash");
    assert_eq!((said.exit, said.out), (65, format!("{USER1}\n")));
    assert_eq!(said.err, "bigseg: standard input, line 2: the context key is empty\n");
    assert!(sandbox.pipe(b"\xff\n", "hash").fails(65).contains("not UTF-8"));
}

#[test]
fn refs_are_spelled_and_taken_apart() {
    let sandbox = CliSandbox::new();
    assert_eq!(sandbox.run("ref beta 3").succeeds(), "beta.g3\n");
    assert_eq!(sandbox.run("ref my.g1.beta.g0").succeeds(), "my.g1.beta\t0\n");
    let parts = json!({"ref": "my.beta.g3", "segment_key": "my.beta", "generation": 3});
    assert_eq!(sandbox.run("ref --json my.beta.g3").json(), parts);
    assert_eq!(sandbox.run("ref --json my.beta 3").json(), parts);
    sandbox.run("ref beta").fails(65);
    sandbox.run("ref beta -1").fails(64);
}
