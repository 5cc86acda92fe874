//! A directory of its own and the built command, for one test.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// The hash of `user1` (docs/spec.md#context-hash).
pub(crate) const USER1: &str = "CgQblGLKpKMbrDVn4Lbm/ZEAeH2yq0M9lvbReMq/zpA=";
/// The hash of `user2`.
pub(crate) const USER2: &str = "YCXRj+SKvUUWhSjxioLiZd2Y1CGnCEqgn2GzQXA5AaM=";

/// A temporary directory in which a test runs commands.
pub(crate) struct CliSandbox(TempDir);

/// The standard output, standard error and exit status of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) exit: i32,
}

impl CliSandbox {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Makes a sandbox whose store holds a list of `key,segment,membership` rows.
    pub(crate) fn holding(rows: &str) -> Self {
        let sandbox = Self::new();
        sandbox.file("held.csv", rows);
        sandbox.run("import held.csv").succeeds();
        sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Prepares a command, which finds the store `local:store` in its environment.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bigseg"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .env_clear()
            .env("BIGSEG_STORE", "local:store")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command whose arguments hold no spaces.
    pub(crate) fn run(&self, arguments: &str) -> CommandOutput {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs a command that reads `input`.
    pub(crate) fn pipe(&self, input: impl AsRef<[u8]>, arguments: &str) -> CommandOutput {
        let mut child = self.start(arguments);
        // A command that does not read to the end is fine.
        let _ = child.stdin.take().unwrap().write_all(input.as_ref());
        child.wait_with_output().unwrap().into()
    }

    /// Starts a command that goes on reading.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        // Shells make their background jobs ignore SIGINT, and the tests may be such a job.
        let restore = || {
            // SAFETY: the call only restores the default action of a signal.
            unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
            Ok(())
        };
        // SAFETY: between fork and exec, the closure calls nothing but signal(2).
        unsafe { command.pre_exec(restore) };
        command.stdin(Stdio::piped()).spawn().unwrap()
    }

    /// Returns everything the store holds.
    pub(crate) fn content(&self) -> String {
        self.run("export").succeeds()
    }
}

impl CommandOutput {
    /// Returns what was printed; fails if the command did.
    #[track_caller]
    pub(crate) fn succeeds(self) -> String {
        assert_eq!((self.exit, &*self.err), (0, ""), "{self:?}");
        self.out
    }

    /// Returns the message; fails unless the command failed in that way, printing nothing else.
    #[track_caller]
    pub(crate) fn fails(self, exit: i32) -> String {
        assert_eq!((self.exit, &*self.out), (exit, ""), "{self:?}");
        self.err
    }

    /// Returns what was printed as JSON, whatever the exit status.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

impl From<Output> for CommandOutput {
    fn from(output: Output) -> Self {
        Self {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            exit: output.status.code().unwrap_or(-1),
        }
    }
}
