//! What only shows on a terminal: colours and progress. `script` (util-linux) provides the terminal.

use std::io::Read;
use std::process::{Command, Stdio};

use bigseg::testkit::FakeUpstream;
use bigseg::testkit::fake_upstream::SDK_KEY;
use bigseg::testkit::samples::{list, patch};

use crate::command::CliSandbox;
use crate::sync_fixture::integration;

/// Runs a command on a terminal and returns everything that appears there.
fn on_terminal(sandbox: &CliSandbox, arguments: &str) -> String {
    let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_bigseg"));
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .current_dir(sandbox.path(""))
        .env_remove("NO_COLOR")
        .env("BIGSEG_STORE", "local:store")
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn big_list(sandbox: &CliSandbox) {
    let rows: String = (0..300_000).map(|n| format!("user{n},beta.g1\n")).collect();
    sandbox.file("list.csv", rows);
}

#[test]
fn a_terminal_gets_progress_and_colours() {
    bigseg::needs!(Terminal);
    let sandbox = CliSandbox::new();
    big_list(&sandbox);
    let shown = on_terminal(&sandbox, "import list.csv");
    for part in ["reading", "writing", "%", "/s", "left", "imported 300,000 contexts"] {
        assert!(shown.contains(part), "{part}: {shown:?}");
    }
    assert!(!on_terminal(&sandbox, "import --quiet list.csv").contains("reading"));
    assert!(on_terminal(&sandbox, "get user1").contains("\u{1b}[32mHEALTHY"));
    assert!(!on_terminal(&sandbox, "get --color never user1").contains("\u{1b}["));
}

#[test]
fn a_pipe_gets_neither() {
    let sandbox = CliSandbox::new();
    big_list(&sandbox);
    let said = sandbox.run("import list.csv").succeeds();
    let get = sandbox.run("get user1").succeeds();
    let help = sandbox.run("--help").succeeds();
    assert!(![said, get, help].concat().contains('\u{1b}'));
    assert!(sandbox.run("get --color always user1").succeeds().contains('\u{1b}'));
}

#[test]
fn a_terminal_gets_a_row_for_each_integration() {
    bigseg::needs!(Terminal);
    let (sandbox, fake) = (CliSandbox::new(), FakeUpstream::start());
    fake.append(patch("beta.g1", "", "v1", list(&["user1"], &[])));
    let labels = "name = \"Main\"\nproject = \"shop\"\nenvironment = \"production\"\n";
    let file = integration(&fake, "main", &format!("{labels}store = \"local:mirror\""))
        + &integration(&fake, "refused", "store = \"local:other\"").replace("${SDK_KEY}", "wrong-key");
    sandbox.file("bigseg.toml", file);
    // The terminal's program must be ended itself, so it says who it is.
    let command = format!("echo $$ > pid; exec {} sync --config bigseg.toml", env!("CARGO_BIN_EXE_bigseg"));
    let mut terminal = Command::new("script")
        .args(["--quiet", "--return", "--flush", "--command", &command, "/dev/null"])
        .current_dir(sandbox.path(""))
        .env_remove("NO_COLOR")
        .env("SDK_KEY", SDK_KEY)
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = terminal.stdout.take().unwrap();
    let (mut shown, mut piece) = (String::new(), [0; 4096]);
    while !(shown.contains("32mhealthy") && shown.contains("failing: ")) {
        let length = output.read(&mut piece).unwrap();
        assert!(length > 0, "it ended: {shown}");
        shown.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    let pid = sandbox.read("pid");
    assert!(Command::new("kill").args(["-TERM", pid.trim()]).status().unwrap().success());
    output.read_to_string(&mut shown).unwrap();
    assert!(terminal.wait().unwrap().success(), "{shown}");
    for part in ["Main", "shop", "production", "last successful sync", "UTC (", "\u{1b}[?1049l", "stopping"] {
        assert!(shown.contains(part), "{part}: {shown:?}");
    }
    assert!(!shown.contains(SDK_KEY) && !shown.contains("wrong-key"));
}
