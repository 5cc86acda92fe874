//! DynamoDB servers for one test: each on a free port of 127.0.0.1, in memory, stopped when
//! dropped.

use std::io::{BufRead, BufReader};
use std::panic::Location;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Once, OnceLock};
use std::time::Duration;

use serde_json::json;

use super::capability::{self, Capability, DYNAMODB_LOCAL_DIRECTORY};
use super::dynamodb_client::DynamoDbClient;
use super::redis_server::free_port;

/// The table of a server's stores.
pub const TABLE: &str = "segments";
/// The region that tests are in.
pub const REGION: &str = "eu-west-1";
/// Names another server for the suite, as a URL: `http://127.0.0.1:8000`.
pub const ENDPOINT_VARIABLE: &str = "BIGSEG_TEST_DYNAMODB_ENDPOINT";
/// How often a start is checked, every ten milliseconds; never exhausted by a test that passes.
const MAX_POLLS: u32 = 6_000;

/// A running server, with an empty table in it.
pub struct DynamoDbServer {
    port: u16,
    process: Option<Child>,
    /// Ends the emulator when dropped.
    _input: Option<ChildStdin>,
}

impl DynamoDbServer {
    /// Starts the emulator of `tests/emulator`.
    pub fn start() -> Self {
        prepare_environment();
        let mut process = Command::new(emulator())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emulator can be started");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("the emulator prints its port");
        let port = line.trim().parse().expect("a port");
        Self { port, _input: process.stdin.take(), process: Some(process) }.with_table()
    }

    /// Starts Amazon's DynamoDB Local; nothing, after a line that says so, where it is missing.
    #[track_caller]
    pub fn start_local() -> Option<Self> {
        prepare_environment();
        if let Some(reason) = Capability::DynamoDbLocal.missing() {
            capability::skip(&Location::caller().to_string(), Capability::DynamoDbLocal, &reason);
            return None;
        }
        let port = free_port();
        let process = Command::new("java")
            .args([
                &format!("-Dsqlite4java.library.path={DYNAMODB_LOCAL_DIRECTORY}"),
                "-XX:+UseSerialGC",
                "-Xmx512m",
            ])
            .args([
                "-cp",
                &format!("{DYNAMODB_LOCAL_DIRECTORY}/*"),
                "com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
            ])
            .args(["-inMemory", "-sharedDb", "-disableTelemetry", "-port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("what was fetched with java can be run with java");
        Some(Self { port, process: Some(process), _input: None }.with_table())
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns a client of the table.
    pub fn client(&self) -> DynamoDbClient {
        DynamoDbClient::new(&format!("127.0.0.1:{}", self.port), TABLE)
    }

    /// Names the store in the table, with more options.
    pub fn store(&self, options: &str) -> String {
        store_at(self.port, options)
    }

    fn with_table(self) -> Self {
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let text = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
        let request = json!({
            "KeySchema": [key("namespace", "HASH"), key("key", "RANGE")],
            "AttributeDefinitions": [text("namespace"), text("key")],
            "BillingMode": "PAY_PER_REQUEST",
        });
        for _ in 0..MAX_POLLS {
            match self.client().try_run("CreateTable", request.clone()) {
                Ok((200, _)) => return self,
                Ok((_, answer)) => panic!("the table was refused: {answer}"),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        panic!("the server does not answer");
    }
}

impl Drop for DynamoDbServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Nothing of it is wanted any more.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Names the store in the table of the server at that port, or behind it.
pub fn store_at(port: u16, options: &str) -> String {
    let mark = if options.is_empty() { "" } else { "&" };
    format!("dynamodb://{TABLE}?region={REGION}&endpoint=http://127.0.0.1:{port}{mark}{options}")
}

/// Gives this process credentials, and keeps it from looking for others in the network.
fn prepare_environment() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        for (name, value) in environment() {
            // SAFETY: other threads read the environment through the standard library, which has a
            // lock; the C library looks into it only to resolve names, and tests name their servers
            // by number.
            unsafe { std::env::set_var(name, value) };
        }
    });
}

/// Returns the variables of a process that has credentials.
pub fn environment() -> [(&'static str, &'static str); 3] {
    [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

/// Returns the path of the emulator, after cargo has built it if it is missing.
fn emulator() -> &'static PathBuf {
    static EMULATOR: OnceLock<PathBuf> = OnceLock::new();
    EMULATOR.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        // All of the workspace decides on the features of what it depends on, as in an ordinary
        // build.
        build.args(["build", "--quiet", "--workspace", "--bin", "dynamodb-emulator", "--manifest-path"]);
        build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "the emulator does not build");
        // This test is TARGET/PROFILE/deps/NAME.
        let test = std::env::current_exe().expect("this test is a file");
        test.ancestors().nth(2).expect("cargo's directories").join("dynamodb-emulator")
    })
}
