//! Tries the examples of the README, so that they stay true.

use std::path::Path;
use std::process::Command;

#[test]
fn the_shell_example_of_the_readme_works() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("a README");
    let blocks: Vec<&str> =
        readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let example = blocks.iter().find(|block| block.contains("bigseg import")).expect("a shell example");

    let directory = tempfile::tempdir().expect("a temporary directory");
    let command = Path::new(env!("CARGO_BIN_EXE_bigseg")).parent().expect("a folder");
    let path = format!("{}:{}", command.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", example])
        .current_dir(&directory)
        .env("PATH", path)
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("beta.g1") && said.contains("included"), "{said}");
    assert!(!said.contains("alice"), "a context key was printed: {said}");
}

#[test]
fn the_configuration_file_of_the_readme_is_a_good_one() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("a README");
    let example = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("bigseg.toml");
    std::fs::write(&path, example.expect("a configuration file")).expect("it can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bigseg"));
    command.args(["sync", "--check", "--config"]).arg(&path);
    let output = command
        .env("SDK_KEY", "sdk-key")
        .env("REDIS_PASSWORD", "a:password@with/everything")
        .env("EXTERNAL_ID", "id")
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("3 integrations"));
}
