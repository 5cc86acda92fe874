//! Help, completions, exit statuses of the command line itself.

use std::process::Command;

use crate::command::CliSandbox;

const COMMANDS: [&str; 14] = [
    "import",
    "get",
    "check",
    "explain",
    "evaluate",
    "status",
    "stats",
    "export",
    "table",
    "sync",
    "hash",
    "ref",
    "demo",
    "completions",
];

#[test]
fn help_names_every_command_and_exit_status() {
    let sandbox = CliSandbox::new();
    let help = sandbox.run("--help").succeeds();
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
    }
    for exit in [0, 1, 3, 4, 64, 65, 69, 70, 74] {
        assert!(help.contains(&format!("\n  {exit:>2}  ")), "{exit}");
    }
    assert_eq!(sandbox.run("help").succeeds(), help);
}

#[test]
fn every_command_has_help_with_examples() {
    let sandbox = CliSandbox::new();
    for command in COMMANDS {
        let help = sandbox.run(&format!("{command} --help")).succeeds();
        assert!(help.contains("Examples:\n  "), "{command}");
        assert_eq!(sandbox.run(&format!("help {command}")).succeeds(), help);
    }
}

#[test]
fn completions_are_scripts() {
    let sandbox = CliSandbox::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = sandbox.run(&format!("completions {shell}")).succeeds();
        for command in COMMANDS {
            assert!(script.contains(command), "{shell} {command}");
        }
        sandbox.file(shell, script);
    }
    for shell in ["bash", "fish", "zsh"] {
        match Command::new(shell).arg("-n").arg(sandbox.path(shell)).status() {
            Ok(status) => assert!(status.success(), "{shell} cannot read its script"),
            Err(e) => assert!(shell != "bash", "bash is needed for this test: {e}"),
        }
    }
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let sandbox = CliSandbox::new();
    for arguments in
        ["", "nonsense", "get", "get a b", "check a", "import --nonsense", "ref", "demo --contexts 0"]
    {
        assert_eq!(sandbox.run(arguments).exit, 64, "{arguments:?}");
    }
    let help = sandbox.run("get --jsn user1").fails(64);
    assert!(help.contains("'--json'"), "{help}");
}

#[test]
fn a_store_string_is_corrected() {
    let sandbox = CliSandbox::new();
    let message = sandbox.run("get --store locla:x user1").fails(64);
    assert!(message.contains("did you mean local:"), "{message}");
    let message = sandbox.run("get --store local:x?mapsize=1G user1").fails(64);
    assert!(message.contains("did you mean map_size"), "{message}");
    assert!(sandbox.run("stats --store memory:").fails(64).contains("name a persistent one"));
    let unset = sandbox.command("stats").env_remove("BIGSEG_STORE").output().unwrap();
    assert_eq!(unset.status.code(), Some(64));
    assert!(String::from_utf8(unset.stderr).unwrap().contains("--store <STORE>"));
}
