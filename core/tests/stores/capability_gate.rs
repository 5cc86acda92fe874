//! A test that lacks what it needs is skipped with a word, or fails where the word is not enough.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use bigseg::testkit::capability::REQUIRE_VARIABLE;

/// Passes with and without a server; the tests below run it in processes of their own.
#[test]
fn a_test_that_needs_redis() {
    bigseg::needs!(Redis);
    println!("it has redis");
}

/// Runs that test with nothing but `path` on the PATH.
fn run(path: &Path, required: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["capability_gate::a_test_that_needs_redis", "--exact", "--show-output"])
        .env("PATH", path)
        .env(REQUIRE_VARIABLE, required)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

#[test]
fn without_the_server_a_test_is_skipped_loudly() {
    let output = run(Path::new("/nowhere"), "openssl,chromium");
    let said = text(&output);
    assert!(output.status.success() && !said.contains("it has redis"), "{said}");
    let expected = "(core/tests/stores/capability_gate.rs:";
    assert!(
        said.contains("SKIPPED ")
            && said.contains(expected)
            && said.contains("redis-server is not on the PATH"),
        "{said}"
    );
}

#[test]
fn a_required_server_that_is_missing_is_a_failure() {
    let output = run(Path::new("/nowhere"), "openssl,redis");
    let said = text(&output);
    assert!(!output.status.success() && said.contains("BIGSEG_REQUIRE names redis"), "{said}");
}

#[test]
fn a_misspelt_requirement_is_a_failure() {
    let output = run(Path::new("/nowhere"), "reddis");
    let said = text(&output);
    assert!(!output.status.success() && said.contains("no capability is called \"reddis\""), "{said}");
}

#[test]
fn scripts_have_the_same_gate() {
    let skip = |required: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/capability.sh");
        let line = format!(". {script}; skip chromium 'chromium is missing'; echo tested");
        Command::new("bash").args(["-c", &line]).env(REQUIRE_VARIABLE, required).output().unwrap()
    };
    let (skipped, failed) = (skip("redis"), skip("redis,chromium"));
    assert!(skipped.status.success() && text(&skipped).starts_with("SKIPPED: chromium is missing"));
    assert!(!failed.status.success() && text(&failed).contains("BIGSEG_REQUIRE names chromium"));
    assert!(skipped.stdout.is_empty() && failed.stdout.is_empty(), "neither goes on");
}

#[test]
fn with_the_server_the_test_runs() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("redis-server");
    std::fs::write(&program, "").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = run(folder.path(), "redis");
    let said = text(&output);
    assert!(output.status.success() && said.contains("it has redis") && !said.contains("SKIPPED"), "{said}");
}
