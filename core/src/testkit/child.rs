//! Runs a part of a test in another process: the test binary starts itself again, in a role.
//!
//! Each module that starts children holds a test of this name, which does nothing in an ordinary run:
//! ```text
//! #[test]
//! fn child_process() {
//!     bigseg_core::testkit::child::serve(|role, arguments| match role { "reader" => read(&arguments[0]), … });
//! }
//! ```
//! Its parent is a test of the same module: `Child::start(module_path!(), "reader", &[path])`.
//! Parent and child talk in lines. Nobody waits longer than a minute, and a child never outlives its [`Child`].

use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

const ROLE: &str = "BIGSEG_TEST_ROLE";
const ARGUMENTS: &str = "BIGSEG_TEST_ARGUMENTS";
/// Between arguments; no path holds it.
const SEPARATOR: &str = "\u{1}";
/// What a child says begins with this; all else on its output is the test harness's.
const MARK: &str = "@ ";
/// Never reached by a test that passes.
const PATIENCE: Duration = Duration::from_secs(60);

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
        let listen = move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some(said) = line.strip_prefix(MARK) {
                    // Fails when the parent listens no more.
                    let _ = sender.send(said.to_owned());
                }
            }
        };
        std::thread::Builder::new().spawn(listen).expect("there is a thread to listen on");
        let orders = process.stdin.take();
        Self { process, orders, lines, role: role.to_owned() }
    }

    /// Returns what the child says next, or `None` when it has ended; panics after a minute.
    pub fn hear(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("the child {:?} says nothing for {PATIENCE:?}", self.role)
            }
        }
    }

    /// Waits until the child says exactly that; panics if it says something else or nothing.
    #[track_caller]
    pub fn expect(&mut self, line: &str) {
        assert_eq!(self.hear().as_deref(), Some(line), "from the child {:?}", self.role);
    }

    /// Says something to the child, which hears it with [`order`].
    pub fn tell(&mut self, line: &str) {
        // Fails when the child has ended, which the test will find out by listening.
        let _ = self.orders.as_mut().map(|orders| writeln!(orders, "{line}"));
    }

    /// Kills the child with a signal it cannot catch, and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.kill().expect("our own child may be killed");
        self.process.wait().expect("our own child can be waited for");
    }

    /// Gives the child no more orders, waits until it has ended, and returns what it still said and how it ended.
    pub fn finish(&mut self) -> (Vec<String>, Ending) {
        self.orders = None;
        let said = std::iter::from_fn(|| self.hear()).collect();
        let status = self.process.wait().expect("our own child can be waited for");
        (said, Ending::from(status))
    }

    /// Does the same, and panics unless its role returned.
    #[track_caller]
    pub fn finish_well(&mut self) -> Vec<String> {
        let (said, ending) = self.finish();
        assert_eq!(ending, Ending::Done, "the child {:?} said {said:?}", self.role);
        said
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

/// Plays the role this process was started in, if it was; see the module.
pub fn serve(play: impl FnOnce(&str, &[&str])) {
    let Ok(role) = std::env::var(ROLE) else { return };
    let arguments = std::env::var(ARGUMENTS).unwrap_or_default();
    let arguments: Vec<&str> = match arguments.is_empty() {
        true => Vec::new(),
        false => arguments.split(SEPARATOR).collect(),
    };
    play(&role, &arguments);
}

/// In a child: says a line to the parent.
pub fn say(line: impl std::fmt::Display) {
    // The harness may have left its own line unfinished. One write, so that threads do not mix their lines.
    let line = format!("\n{MARK}{line}\n");
    let mut stdout = stdout().lock();
    // Fails when the parent is gone; then nobody cares.
    let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
}

/// In a child: waits for the parent's next order; `None` when there will be no more.
pub fn order() -> Option<String> {
    stdin().lines().next()?.ok()
}
