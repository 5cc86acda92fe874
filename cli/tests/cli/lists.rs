//! `stats` and `export`, and the way from an export back into a store.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use flate2::read::GzDecoder;
use serde_json::json;

use crate::command::{CliSandbox, USER1, USER2};

const POPULATION: &str = "user1,beta.g1\nuser1,out.g1,exclude\nuser2,beta.g1\nuser2,\"with,comma.g1\"\n";

#[test]
fn stats_count_by_segment() {
    let sandbox = CliSandbox::holding(POPULATION);
    assert_eq!(
        sandbox.run("stats --json").json(),
        json!({"store": "local:store", "contexts": 2, "memberships": 4, "segments": [
            {"segment": "beta.g1", "included": 2, "excluded": 0},
            {"segment": "out.g1", "included": 0, "excluded": 1},
            {"segment": "with,comma.g1", "included": 1, "excluded": 0}]})
    );
    assert_eq!(
        sandbox.run("stats").succeeds(),
        "store        local:store\ncontexts     2\nmemberships  4\n\n\
         segment        included  excluded\nbeta.g1               2         0\n\
         out.g1                0         1\nwith,comma.g1         1         0\n"
    );
}

#[test]
fn exports_come_in_both_formats() {
    let sandbox = CliSandbox::holding(POPULATION);
    let ndjson = format!(
        "{{\"hash\":\"{USER1}\",\"included\":[\"beta.g1\"],\"excluded\":[\"out.g1\"]}}\n\
         {{\"hash\":\"{USER2}\",\"included\":[\"beta.g1\",\"with,comma.g1\"]}}\n"
    );
    let csv = format!(
        "hash,segment,membership\n{USER1},beta.g1,include\n{USER1},out.g1,exclude\n\
         {USER2},beta.g1,include\n{USER2},\"with,comma.g1\",include\n"
    );
    assert_eq!(sandbox.run("export").succeeds(), ndjson);
    assert_eq!(sandbox.run("export --format csv").succeeds(), csv);
    sandbox.run("export -o list.csv").succeeds();
    assert_eq!(sandbox.read("list.csv"), csv);
    sandbox.run("export --output list.ndjson.gz").succeeds();
    let mut unpacked = String::new();
    let packed = std::fs::File::open(sandbox.path("list.ndjson.gz")).unwrap();
    GzDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, ndjson);
    let only = format!("{{\"hash\":\"{USER1}\",\"excluded\":[\"out.g1\"]}}\n");
    assert_eq!(sandbox.run("export --segment out.g1").succeeds(), only);
}

#[test]
fn an_export_fills_another_store_alike() {
    let sandbox = CliSandbox::holding(POPULATION);
    let content = sandbox.content();
    for name in ["list.csv", "list.csv.gz", "list.ndjson", "list.ndjson.gz"] {
        sandbox.run(&format!("export -o {name}")).succeeds();
        sandbox.run(&format!("import --store local:copy-{name} {name}")).succeeds();
        assert_eq!(sandbox.run(&format!("export --store local:copy-{name}")).succeeds(), content);
    }
}

#[test]
fn a_failed_export_leaves_no_file() {
    let sandbox = CliSandbox::new();
    sandbox.file("list.csv", "precious\n");
    sandbox.run("export -o list.csv").fails(69);
    assert_eq!(sandbox.read("list.csv"), "precious\n");
    assert_eq!(std::fs::read_dir(sandbox.path("")).unwrap().count(), 1);
    let message = CliSandbox::holding(POPULATION).run("export -o missing/list.csv").fails(74);
    assert!(message.contains("missing/list.csv"), "{message}");
}

#[test]
fn an_exported_file_is_an_ordinary_one() {
    let sandbox = CliSandbox::holding(POPULATION);
    sandbox.file("ordinary", "");
    sandbox.run("export -o list.csv").succeeds();
    let mode = |name| sandbox.path(name).metadata().unwrap().permissions().mode();
    assert_eq!(mode("list.csv"), mode("ordinary"));
    assert_eq!(sandbox.run("export -o /dev/null").succeeds(), "");
    assert!(!std::path::Path::new("/dev/null").is_file());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let sandbox = CliSandbox::new();
    let rows: String = (0..20_000).map(|n| format!("user{n},beta.g1\n")).collect();
    sandbox.pipe(rows, "import --format csv -").succeeds();
    let mut export = sandbox.start("export");
    drop(export.stdout.take());
    let said = export.wait_with_output().unwrap();
    assert_eq!((said.status.code(), &*said.stderr), (Some(0), &b""[..]));
}
