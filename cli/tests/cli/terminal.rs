//! What only shows on a terminal: colours and progress. `script` (util-linux) provides the terminal.

use std::process::{Command, Stdio};

use crate::command::Workplace;

/// Runs a command on a terminal and returns everything that appears there.
fn on_terminal(workplace: &Workplace, arguments: &str) -> Option<String> {
    let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_bigseg"));
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .current_dir(workplace.path(""))
        .env_remove("NO_COLOR")
        .env("BIGSEG_STORE", "local:store")
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn big_list(workplace: &Workplace) {
    let rows: String = (0..300_000).map(|n| format!("user{n},beta.g1\n")).collect();
    workplace.file("list.csv", rows);
}

#[test]
fn a_terminal_gets_progress_and_colours() {
    let workplace = Workplace::new();
    big_list(&workplace);
    let Some(shown) = on_terminal(&workplace, "import list.csv") else {
        return eprintln!("there is no `script` here: not tested");
    };
    for part in ["reading", "writing", "%", "/s", "left", "imported 300,000 contexts"] {
        assert!(shown.contains(part), "{part}: {shown:?}");
    }
    assert!(!on_terminal(&workplace, "import --quiet list.csv").unwrap().contains("reading"));
    assert!(on_terminal(&workplace, "get user1").unwrap().contains("\u{1b}[32mHEALTHY"));
    assert!(!on_terminal(&workplace, "get --color never user1").unwrap().contains("\u{1b}["));
}

#[test]
fn a_pipe_gets_neither() {
    let workplace = Workplace::new();
    big_list(&workplace);
    let said = workplace.run("import list.csv").succeeds();
    let get = workplace.run("get user1").succeeds();
    let help = workplace.run("--help").succeeds();
    assert!(![said, get, help].concat().contains('\u{1b}'));
    assert!(workplace.run("get --color always user1").succeeds().contains('\u{1b}'));
}
