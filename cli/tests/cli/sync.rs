//! `sync`: checks of the file, loading of stores, signals and systemd.

use std::os::unix::net::UnixDatagram;

use bigseg::testkit::fake_upstream::SDK_KEY;
use bigseg::testkit::samples::{list, patch};
use bigseg::testkit::{FakeUpstream, RedisServer};

use crate::command::CliSandbox;
use crate::sync_fixture::{Running, integration, prepare, wait_until};

/// An upstream with one patch.
fn upstream() -> FakeUpstream {
    let fake = FakeUpstream::start();
    fake.append(patch("beta.g1", "", "v1", list(&["user1"], &[])));
    fake
}

fn run(sandbox: &CliSandbox, arguments: &str) -> crate::command::CommandOutput {
    prepare(sandbox, arguments).output().unwrap().into()
}

#[test]
fn check_reports_all_problems_of_the_file() {
    let sandbox = CliSandbox::new();
    let fake = FakeUpstream::start();
    let good = integration(&fake, "main", "store = \"local:mirror\"");
    sandbox.file("bigseg.toml", &good);
    assert_eq!(run(&sandbox, "--check").succeeds(), "bigseg.toml: valid, 1 integrations\n");
    assert!(fake.requests().is_empty(), "it does nothing else");
    sandbox.file("bigseg.toml", good.replace("local:", "locl:").replace("${SDK_KEY}", "${NOT_SET}"));
    for arguments in ["--check", "", "--listen 127.0.0.1:0"] {
        let output = run(&sandbox, arguments).fails(65);
        assert!(output.contains("line 3: sdk_key: the variable NOT_SET is not set"), "{output}");
        assert!(
            output.contains("line 7: store: unknown store scheme \"locl\"; did you mean local:"),
            "{output}"
        );
    }
    sandbox.file("bigseg.toml", "sdk_key = hunter2");
    assert!(!run(&sandbox, "--check").fails(65).contains("hunter2"));
    let output = prepare(&sandbox, "--check").args(["--config", "nowhere.toml"]).output().unwrap();
    assert_ne!(output.status.code(), Some(0));
}

#[test]
fn stores_are_loaded_and_signals_handled() {
    bigseg::needs!(Redis);
    let sandbox = CliSandbox::new();
    let fake = upstream();
    let server = RedisServer::start();
    let redis = format!("store = \"{}\"", server.store("", "prefix=env"));
    let first = integration(&fake, "redis", &redis);
    sandbox.file("bigseg.toml", &first);
    let running = Running::start(&sandbox, "");
    running.wait_until_ready();
    // Another process reads the store.
    let mut check = sandbox.command("check user1 beta.g1");
    let output = check.env("BIGSEG_STORE", server.store("", "prefix=env")).output().unwrap();
    assert_eq!(output.status.code(), Some(0));

    sandbox.file("bigseg.toml", first.clone() + &integration(&fake, "mirror", "store = \"local:mirror\""));
    running.signal("-HUP");
    wait_until("there are two", || running.status()["integrations"].as_array().unwrap().len() == 2);
    running.wait_until_ready();
    assert_eq!(running.status()["integrations"][0]["counters"]["pages"], 3, "the first was not disturbed");
    sandbox.file("bigseg.toml", "nonsense");
    running.signal("-HUP");
    fake.publish(patch("beta.g1", "v1", "v2", list(&["user2"], &[])));
    wait_until("changes still arrive", || running.status()["integrations"][1]["counters"]["patches"] == 2);

    running.signal("-TERM");
    let (exit, output) = running.wait();
    assert_eq!(exit, Some(0), "{output}");
    for words in [
        "redis: healthy",
        "mirror: healthy",
        "0 changed, 0 stopped, 1 unchanged",
        "not reloaded",
        "stopping",
        "redis: off",
    ] {
        assert!(output.contains(words), "{words}: {output}");
    }
    assert!(!output.contains(SDK_KEY) && !output.contains('\u{1b}'), "{output}");
    let mut check = sandbox.command("check user2 beta.g1");
    assert_eq!(check.env("BIGSEG_STORE", "local:mirror").status().unwrap().code(), Some(0));
}

#[test]
fn either_signal_ends_it_at_any_time() {
    for signal in ["-INT", "-TERM"] {
        let sandbox = CliSandbox::new();
        let fake = FakeUpstream::start();
        fake.set_key("another");
        sandbox.file("bigseg.toml", integration(&fake, "main", "store = \"redis://127.0.0.1:1\""));
        let running = Running::start(&sandbox, "");
        running.signal(signal);
        assert_eq!(running.wait().0, Some(0), "{signal}");
    }
}

#[test]
fn systemd_is_notified_of_start_and_stop() {
    let sandbox = CliSandbox::new();
    let fake = upstream();
    sandbox.file("bigseg.toml", integration(&fake, "main", "store = \"local:mirror\""));
    let socket = UnixDatagram::bind(sandbox.path("notify")).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let mut command = prepare(&sandbox, "--listen 127.0.0.1:0");
    command.env("NOTIFY_SOCKET", sandbox.path("notify"));
    let running = Running::start_with(command);
    let receive = || {
        let mut bytes = [0; 64];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    assert_eq!(receive(), "READY=1\n");
    running.signal("-TERM");
    assert_eq!(receive(), "STOPPING=1\n");
    assert_eq!(running.wait().0, Some(0));
}

#[test]
fn an_address_beyond_loopback_needs_a_token() {
    let sandbox = CliSandbox::new();
    let fake = upstream();
    sandbox.file("bigseg.toml", integration(&fake, "main", "store = \"local:mirror\""));
    assert!(run(&sandbox, "--listen 0.0.0.0:0").fails(64).contains("--token-file"));
    sandbox.file("short", "too-short");
    assert!(run(&sandbox, "--listen 0.0.0.0:0 --token-file short").fails(64).contains("16"));
    assert!(run(&sandbox, "--listen 0.0.0.0:0 --token-env NOT_SET").fails(64).contains("NOT_SET"));
    assert_eq!(run(&sandbox, "--listen 0.0.0.0:0 --token-file nowhere").exit, 74);
    assert_eq!(run(&sandbox, "--token-file short").exit, 64, "it needs --listen");
}
