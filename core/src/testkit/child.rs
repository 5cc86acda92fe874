//! Runs a part of a test in another process: the test binary starts itself again, in a role.
//!
//! Each module that starts children holds a test of this name, which does nothing in an ordinary
//! run:
//! ```text
//! #[test]
//! fn child_process() {
//!     bigseg::testkit::child::serve(|role, arguments| match role { "reader" => read(&arguments[0]), … });
//! }
//! ```
//! Its parent is a test of the same module: `Child::start(module_path!(), "reader", &[path])`.
//! Parent and child exchange lines: the child writes with [`report`], the parent with
//! [`Child::send`]. Every wait ends after a minute, and a child never outlives its [`Child`].

use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

const ROLE: &str = "BIGSEG_TEST_ROLE";
const ARGUMENTS: &str = "BIGSEG_TEST_ARGUMENTS";
/// Between arguments; no path holds it.
const SEPARATOR: &str = "\u{1}";
/// Begins each line of a child; every other line of its output is the test harness's.
const MARK: &str = "@ ";
/// Never reached by a test that passes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running child; killed when dropped.
pub struct Child {
    process: std::process::Child,
    orders: Option<ChildStdin>,
    lines: Receiver<String>,
    role: String,
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Its role returned.
    Done,
    /// Its role panicked.
    Failed,
    /// That signal killed it.
    Killed(i32),
}

impl Child {
    /// Starts this test binary in that role, which the `child_process` of that module plays.
    pub fn start(module: &str, role: &str, arguments: &[&str]) -> Self {
        let test = match module.split_once("::") {
            Some((_, path)) => format!("{path}::child_process"),
            None => "child_process".to_owned(),
        };
        let mut process = Command::new(std::env::current_exe().expect("a test binary knows its path"))
            .args([&test, "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(ARGUMENTS, arguments.join(SEPARATOR))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a test binary can start itself");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        let read_lines = move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some(reported) = line.strip_prefix(MARK) {
                    // Fails when the parent no longer reads.
                    let _ = sender.send(reported.to_owned());
                }
            }
        };
        std::thread::Builder::new().spawn(read_lines).expect("a thread can be started");
        let orders = process.stdin.take();
        Self { process, orders, lines, role: role.to_owned() }
    }

    /// Returns the child's next line, or `None` when it has ended; panics after a minute.
    pub fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(TIMEOUT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("the child {:?} wrote no line for {TIMEOUT:?}", self.role)
            }
        }
    }

    /// Waits for the child's next line; panics if it is another one, or if there is none.
    #[track_caller]
    pub fn expect(&mut self, line: &str) {
        assert_eq!(self.next_line().as_deref(), Some(line), "from the child {:?}", self.role);
    }

    /// Sends a line to the child, which reads it with [`next_order`].
    pub fn send(&mut self, line: &str) {
        // Fails when the child has ended; the next line that the test expects shows it.
        let _ = self.orders.as_mut().map(|orders| writeln!(orders, "{line}"));
    }

    /// Kills the child with a signal it cannot catch, and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.kill().expect("our own child may be killed");
        self.process.wait().expect("our own child can be waited for");
    }

    /// Closes the child's input, waits until it has ended, and returns its remaining lines and how
    /// it ended.
    pub fn finish(&mut self) -> (Vec<String>, Ending) {
        self.orders = None;
        let lines = std::iter::from_fn(|| self.next_line()).collect();
        let status = self.process.wait().expect("our own child can be waited for");
        (lines, Ending::from(status))
    }

    /// Finishes the child like [`Child::finish`], and panics unless its role returned.
    #[track_caller]
    pub fn finish_well(&mut self) -> Vec<String> {
        let (lines, ending) = self.finish();
        assert_eq!(ending, Ending::Done, "the child {:?} wrote {lines:?}", self.role);
        lines
    }
}

impl From<ExitStatus> for Ending {
    fn from(status: ExitStatus) -> Self {
        match status.signal() {
            Some(signal) => Self::Killed(signal),
            None if status.success() => Self::Done,
            None => Self::Failed,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Plays the role of this process, if [`Child::start`] started it; see the module.
pub fn serve(play: impl FnOnce(&str, &[&str])) {
    let Ok(role) = std::env::var(ROLE) else { return };
    let arguments = std::env::var(ARGUMENTS).unwrap_or_default();
    let arguments: Vec<&str> =
        if arguments.is_empty() { Vec::new() } else { arguments.split(SEPARATOR).collect() };
    play(&role, &arguments);
}

/// In a child: writes a line to the parent.
pub fn report(line: impl std::fmt::Display) {
    // The harness may have left its own line unfinished. One write, so that threads do not mix
    // their lines.
    let line = format!("\n{MARK}{line}\n");
    let mut stdout = stdout().lock();
    // Fails when the parent is gone, which ends the test anyway.
    let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
}

/// In a child: waits for the parent's next line; `None` when its input is closed.
pub fn next_order() -> Option<String> {
    stdin().lines().next()?.ok()
}
