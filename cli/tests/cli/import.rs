//! `import`: formats, places, merging and replacing, and lines that cannot be understood.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::command::{CliSandbox, USER1, USER2};

fn gzip(content: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(content.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn line(hash: &str, lists: &str) -> String {
    format!("{{\"hash\":\"{hash}\",{lists}}}\n")
}

#[test]
fn every_format_and_place_gives_the_same_store() {
    let csv = "user1,beta.g1\nuser2,beta.g1,exclude\n";
    let with_header = "membership,key,segment\n,user1,beta.g1\nexclude,user2,beta.g1\n";
    let hashes = format!("{USER1},beta.g1\n{USER2},beta.g1,exclude\n");
    let hash_header = format!("hash,segment,membership\n{hashes}");
    let ndjson = format!("{{\"key\":\"user1\"}}\n\n{{\"hash\":\"{USER2}\",\"excluded\":[\"beta.g1\"]}}\n");
    let expected = line(USER1, "\"included\":[\"beta.g1\"]") + &line(USER2, "\"excluded\":[\"beta.g1\"]");
    for (name, content, options) in [
        ("list.csv", csv.as_bytes().to_vec(), ""),
        ("list.txt", csv.replace('\n', "\r\n").into(), "--format csv"),
        ("with-mark.csv", format!("\u{feff}{with_header}").into(), ""),
        ("list.csv.gz", gzip(csv), ""),
        ("really-packed.csv", gzip(with_header), ""),
        ("hashes.csv", hashes.clone().into(), "--hashed"),
        ("header.csv", hash_header.into(), ""),
        ("list.ndjson", ndjson.clone().into(), "--segment beta.g1"),
        ("list.jsonl.gz", gzip(&ndjson), "--segment beta.g1"),
    ] {
        let sandbox = CliSandbox::new();
        sandbox.file(name, &content);
        sandbox.run(&format!("import {options} {name}")).succeeds();
        assert_eq!(sandbox.content(), expected, "{name}");

        let format = if name.contains("json") { "ndjson" } else { "csv" };
        let sandbox = CliSandbox::new();
        let options = options.replace("--format csv", "");
        sandbox.pipe(&content, &format!("import {options} --format {format}")).succeeds();
        assert_eq!(sandbox.content(), expected, "{name} from standard input");
    }
}

#[test]
fn a_list_of_keys_joins_one_segment() {
    let sandbox = CliSandbox::new();
    sandbox.file("keys.csv", "user1\nuser2\n");
    sandbox.run("import --segment beta.g1 keys.csv").succeeds();
    let lists = "\"included\":[\"beta.g1\"]";
    assert_eq!(sandbox.content(), line(USER1, lists) + &line(USER2, lists));
}

#[test]
fn lists_are_merged_into_what_is_there() {
    let sandbox = CliSandbox::holding("user1,beta.g1\nuser1,old.g1\n");
    sandbox.file("a.csv", "user1,beta.g1,exclude\n");
    sandbox.file("b.csv", "user1,new.g1\n");
    sandbox.run("import a.csv b.csv").succeeds();
    let lists = "\"included\":[\"new.g1\",\"old.g1\"],\"excluded\":[\"beta.g1\"]";
    assert_eq!(sandbox.content(), line(USER1, lists));
}

#[test]
fn one_segment_can_be_replaced() {
    let sandbox = CliSandbox::holding("user1,beta.g1\nuser1,kept.g1\nuser3,beta.g1\n");
    sandbox.file("keys.csv", "user2\n");
    let said = sandbox.run("import --replace beta.g1 keys.csv").succeeds();
    assert!(said.ends_with("beta.g1 had 2 members before\n"), "{said}");
    let expected = line(USER1, "\"included\":[\"kept.g1\"]") + &line(USER2, "\"included\":[\"beta.g1\"]");
    assert_eq!(sandbox.content(), expected);
}

#[test]
fn a_segment_is_not_emptied_by_accident() {
    let sandbox = CliSandbox::holding("user1,beta.g1\n");
    let before = sandbox.content();
    let message = sandbox.run("import --replace beta.g1 --format csv -").fails(65);
    assert!(message.contains("--allow-empty") && message.ends_with("nothing was imported\n"), "{message}");
    assert_eq!(sandbox.content(), before);
    sandbox.run("import --replace beta.g1 --allow-empty --format csv -").succeeds();
    assert_eq!(sandbox.content(), "");
}

#[test]
fn the_summary_has_every_figure() {
    let sandbox = CliSandbox::new();
    let list = "user1,beta.g1\nbroken line\nuser1,beta.g2\nuser2,beta.g1\n";
    let said = sandbox.pipe(list, "import --json --bad-lines skip --format csv -");
    let summary = said.json();
    for (field, value) in [
        ("store", json!("local:store")),
        ("contexts", json!(2)),
        ("memberships", json!(3)),
        ("lines", json!(4)),
        ("skipped_lines", json!(1)),
        ("replaced", json!(0)),
    ] {
        assert_eq!(summary[field], value, "{field}");
    }
    assert!(summary["seconds"].is_f64() && summary["contexts_per_second"].is_u64());
    let said = sandbox.pipe("user1,beta.g1\n", "import --format csv -").succeeds();
    assert!(said.starts_with("imported 1 contexts, 1 memberships, into local:store\ntook 0."), "{said}");
    assert_eq!(sandbox.pipe("user1,beta.g1\n", "import --quiet --format csv -").succeeds(), "");
}

#[test]
fn a_bad_line_is_named_and_nothing_is_imported() {
    let sandbox = CliSandbox::holding("user1,beta.g1\n");
    let before = sandbox.content();
    for (name, list, number, reason) in [
        ("a.csv", "user2,beta.g1\nuser3\n", 2, "no segment is named"),
        ("b.csv", "key,segment\nuser2,beta\n", 2, "not a segment ref"),
        ("c.csv", "\"a\nb\",beta.g1\nuser2,beta.g1,maybe\n", 3, "neither include nor exclude"),
        ("d.csv", ",beta.g1\n", 1, "the context key is empty"),
        ("e.csv", "user2, beta.g1\n", 1, "not a segment ref"),
        ("f.csv", "hash,segment\nuser2,beta.g1\n", 2, "44 characters"),
        ("g.csv", "key,segment,colour\nuser2,beta.g1,red\n", 1, "header"),
        ("h.ndjson", "{\"key\":\"user2\",\"included\":[\"beta.g1\"]}\n{]\n", 2, "column 2"),
        ("i.ndjson", "{\"included\":[\"beta.g1\"]}\n", 1, "either a key or a hash"),
    ] {
        sandbox.file(name, list);
        let message = sandbox.run(&format!("import {name}")).fails(65);
        assert!(message.starts_with(&format!("bigseg: {name}: line {number}: ")), "{message}");
        assert!(message.contains(reason) && message.ends_with("; nothing was imported\n"), "{message}");
        assert_eq!(sandbox.content(), before, "{name}");
    }
}

#[test]
fn bad_lines_can_be_skipped() {
    let sandbox = CliSandbox::new();
    sandbox.file("list.csv", "user1,beta.g1\nuser3,beta\nuser2,beta.g1\n");
    let said = sandbox.run("import --bad-lines skip list.csv");
    assert_eq!(said.exit, 0);
    assert!(said.err.starts_with("skipped: list.csv: line 2: ") && said.err.lines().count() == 1, "{said:?}");
    assert!(said.out.ends_with("skipped 1 of 3 lines\n"), "{said:?}");
    assert_eq!(sandbox.content().lines().count(), 2);

    let said = sandbox.pipe("no segment\n".repeat(50), "import --bad-lines skip --format csv -");
    assert_eq!((said.exit, said.err.lines().count()), (0, 21), "{said:?}");
    assert!(said.out.contains("skipped 50 of 50 lines"), "{said:?}");
}

#[test]
fn lists_that_cannot_be_read_change_nothing() {
    let sandbox = CliSandbox::new();
    assert!(sandbox.run("import missing.csv").fails(74).contains("missing.csv"));
    sandbox.file("list", "user1,beta.g1\n");
    assert!(sandbox.run("import list").fails(64).contains("--format"));
    assert!(sandbox.run("import -").fails(64).contains("--format"));
    std::fs::create_dir(sandbox.path("directory.csv")).unwrap();
    sandbox.run("import directory.csv").fails(74);
    assert!(!sandbox.path("store").exists());

    let mut cut = gzip(&"user1,beta.g1\n".repeat(1000));
    cut.truncate(cut.len() / 2);
    sandbox.file("cut.csv.gz", cut);
    assert!(sandbox.run("import cut.csv.gz").fails(65).ends_with("; nothing was imported\n"));
    assert_eq!(sandbox.content(), "");
}
