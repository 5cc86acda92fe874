//! What a test needs from the machine besides Rust: servers, tools, rights.
//!
//! A test that lacks one is skipped, with a line on standard error that says why. `BIGSEG_REQUIRE`
//! names capabilities, separated by commas; a test that lacks one of these fails instead.
//! `scripts/test.sh` sets it.
//! ```text
//! #[test]
//! fn the_server_answers() {
//!     bigseg::needs!(Redis);
//!     …
//! ```

use std::io::Write;
use std::path::Path;

/// Names the capabilities whose absence is a failure.
pub const REQUIRE_VARIABLE: &str = "BIGSEG_REQUIRE";
/// The directory that `scripts/dynamodb_local.sh` creates.
pub(super) const DYNAMODB_LOCAL_DIRECTORY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../target/dynamodb-local");
/// Capabilities that only scripts and tests in other languages ask for; their names are right in
/// the variable, too.
const ELSEWHERE: &[&str] = &["chromium", "emulator", "fake_upstream", "python_packages"];

/// What a test may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// The program `redis-server`.
    Redis,
    /// The program `openssl`, which makes certificates.
    OpenSsl,
    /// Amazon's DynamoDB Local, which `scripts/dynamodb_local.sh` fetches, and Java.
    DynamoDbLocal,
    /// The program `script`, which runs a command on a terminal.
    Terminal,
    /// A C++ compiler.
    Cpp,
    /// Jansson, the JSON library of the C tests.
    Jansson,
    /// The program `valgrind`.
    Valgrind,
    /// The rights of root, which alone can give them up.
    Root,
    /// The right to mount a file system in memory.
    Tmpfs,
}

impl Capability {
    const ALL: [Self; 9] = [
        Self::Redis,
        Self::OpenSsl,
        Self::DynamoDbLocal,
        Self::Terminal,
        Self::Cpp,
        Self::Jansson,
        Self::Valgrind,
        Self::Root,
        Self::Tmpfs,
    ];

    /// Returns its name in `BIGSEG_REQUIRE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::OpenSsl => "openssl",
            Self::DynamoDbLocal => "dynamodb_local",
            Self::Terminal => "terminal",
            Self::Cpp => "cpp",
            Self::Jansson => "jansson",
            Self::Valgrind => "valgrind",
            Self::Root => "root",
            Self::Tmpfs => "tmpfs",
        }
    }

    /// Returns why a test cannot have it; `None` if it can.
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Redis => missing_program("redis-server"),
            Self::OpenSsl => missing_program("openssl"),
            Self::DynamoDbLocal if !Path::new(DYNAMODB_LOCAL_DIRECTORY).is_dir() => {
                Some("scripts/dynamodb_local.sh did not fetch DynamoDB Local".to_owned())
            }
            Self::DynamoDbLocal => missing_program("java"),
            Self::Terminal => missing_program("script"),
            Self::Cpp => missing_program("c++"),
            Self::Jansson => missing_library("jansson"),
            Self::Valgrind => missing_program("valgrind"),
            // SAFETY: it only reads the identity of this process.
            Self::Root if unsafe { libc::geteuid() } != 0 => Some("the user is not root".to_owned()),
            // Only an attempt shows whether mounting is allowed; see `skip`.
            Self::Root | Self::Tmpfs => None,
        }
    }
}

/// Returns from the test unless the machine has every [`Capability`] it names.
#[macro_export]
macro_rules! needs {
    ($($capability:ident),+) => {
        $(
            let capability = $crate::testkit::capability::Capability::$capability;
            if let Some(reason) = capability.missing() {
                $crate::testkit::capability::skip(concat!(file!(), ":", line!()), capability, &reason);
                return;
            }
        )+
    };
}

/// Writes that a test is skipped, which its caller then does; panics if `BIGSEG_REQUIRE` names the
/// capability.
pub fn skip(place: &str, capability: Capability, reason: &str) {
    let variable = std::env::var(REQUIRE_VARIABLE).unwrap_or_default();
    let required = required(&variable).unwrap_or_else(|e| panic!("{e}"));
    let name = capability.name();
    assert!(!required.contains(&name), "{place}: {reason}, and {REQUIRE_VARIABLE} names {name}");
    // Not eprintln!, which the harness hides when a test passes. A closed standard error changes
    // nothing.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED {test} ({place}): {reason}; required by {REQUIRE_VARIABLE}={name}"
    );
}

/// Splits the variable; an unknown name is an error, because it would require nothing.
fn required(variable: &str) -> Result<Vec<&str>, String> {
    let names: Vec<&str> = variable.split(',').filter(|name| !name.is_empty()).collect();
    let is_known =
        |name: &str| ELSEWHERE.contains(&name) || Capability::ALL.iter().any(|known| known.name() == name);
    match names.iter().find(|name| !is_known(name)) {
        Some(name) => Err(format!("{REQUIRE_VARIABLE}: no capability is called {name:?}")),
        None => Ok(names),
    }
}

fn missing_program(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    (!is_found).then(|| format!("{name} is not on the PATH (scripts/setup.sh test)"))
}

fn missing_library(name: &str) -> Option<String> {
    let found = std::process::Command::new("pkg-config").args(["--exists", name]).status();
    let is_found = found.is_ok_and(|status| status.success());
    (!is_found).then(|| format!("pkg-config does not find {name} (scripts/setup.sh test)"))
}
