//! A context key never comes back: not in output, not in a message, wherever it was put by mistake.

use crate::command::CliSandbox;

#[test]
fn no_command_repeats_a_key() {
    let sandbox = CliSandbox::holding("Grace,beta.g1\n");
    sandbox.file(
        "data.json",
        r#"{"segments":{"beta":{"key":"beta","version":1,"unbounded":true,"generation":1}}}"#,
    );
    for arguments in [
        "get Grace",
        "get --json Grace",
        "get --hash Grace",
        "get someone Grace",
        "get --Grace",
        "get -Grace",
        "get --json=Grace x",
        "check Grace beta.g1",
        "check beta.g1 Grace",
        "check --json Grace other.g1",
        "check Grace",
        "check Grace beta.g1 Grace",
        "get --store local:nowhere Grace",
        "get --store Grace x",
        "get --stale-after Grace x",
        "status Grace",
        "stats Grace",
        "export Grace",
        "hash Grace",
        "hash --hash Grace",
        "import --segment Grace list.csv",
        "import --replace Grace list.csv",
        "import --format Grace list.csv",
        "explain --segment beta --context Grace --data data.json",
        "explain --segment beta --context {\"key\":\"Grace\"} --data data.json",
        "evaluate --segment beta --context {\"kind\":\"user\",\"key\":\"Grace\",\"name\":1} --data data.json",
        "evaluate --flag f --default Grace --context {\"key\":\"Grace\"} --data data.json",
        "evaluate --flag Grace --context {\"key\":\"Grace\"} --data data.json",
        "evaluate --json -vv --segment beta --context {\"key\":\"Grace\"} --data data.json",
        "Grace",
        "-vv get Grace",
        "completions Grace",
    ] {
        let said = sandbox.run(arguments);
        let all = said.out.clone() + &said.err;
        assert!(!all.contains("Grace"), "{arguments}: {said:?}");
        assert!(!all.is_empty(), "{arguments} says something");
    }
}

#[test]
fn no_line_of_a_list_is_repeated() {
    let sandbox = CliSandbox::new();
    for (format, line) in [
        ("csv", "Grace"),
        ("csv", "Grace,Grace"),
        ("csv", "beta.g1,Grace"),
        ("csv", "Grace,beta.g1,Grace"),
        ("csv", "x,beta.g1,include,Grace"),
        ("csv", "hash,segment\nGrace,beta.g1"),
        ("csv", "key,Grace,segment"),
        ("ndjson", "Grace"),
        ("ndjson", "{\"Grace\":1}"),
        ("ndjson", "{\"key\":[\"Grace\"]}"),
        ("ndjson", "{\"key\":\"x\",\"included\":\"Grace\"}"),
        ("ndjson", "{\"key\":\"x\",\"included\":[\"Grace\"]}"),
        ("ndjson", "{\"hash\":\"Grace\"}"),
    ] {
        for option in ["", "--bad-lines skip", "--hashed -vv"] {
            let said = sandbox.pipe(line, &format!("import {option} --format {format} -"));
            assert!(!(said.out + &said.err).contains("Grace"), "{format} {option}: {line}");
        }
    }
}
