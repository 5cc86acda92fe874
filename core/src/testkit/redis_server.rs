//! Real Redis servers of a test's own: each on a free port of 127.0.0.1 and on a socket in a directory of its own,
//! without any file of data, gone when dropped.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::certificates::Certificates;
use super::redis_client::{RedisClient, Reply};

/// How often a start or an end is waited for, a millisecond at a time: never exhausted by a test that passes.
const MAX_POLLS: u32 = 60_000;
/// How many ports are tried; another process may take one between our finding it and the server's.
const PORTS: u32 = 5;

/// Makes a start take ages: 20 ms for each key, with a look at the clients after each kilobyte.
const LOADS_SLOWLY: &[&str] =
    &["--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"];
/// How many keys of a kilobyte a server is given to load slowly.
const PADDING: &str = "3000";

/// What a user may do who reads a store (docs/spec.md#permissions), and nothing more.
pub const READER_COMMANDS: &[&str] = &["+get", "+smembers", "+ping"];
/// What a user may do who writes one.
pub const WRITER_COMMANDS: &[&str] =
    &["+get", "+set", "+sadd", "+srem", "+del", "+watch", "+ping", "+multi", "+exec"];

/// A running server.
pub struct RedisServer {
    directory: TempDir,
    port: u16,
    certificates: Option<Arc<Certificates>>,
    /// What the server is told besides, and the port of its own that it is told of if it is a node of a cluster.
    arguments: Vec<String>,
    bus_port: Option<u16>,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts an ordinary server.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts an ordinary server with these arguments, too.
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::launch(None, arguments, false)
    }

    /// Starts a node of a cluster that is yet to be formed, with these certificates if it is to take TLS only.
    pub(super) fn start_node(certificates: Option<&Arc<Certificates>>, arguments: &[&str]) -> Self {
        Self::launch(certificates, arguments, true)
    }

    /// Starts a server that takes TLS only, and wants a client certificate; its socket in the file system takes all.
    pub fn start_tls() -> Self {
        Self::launch(Some(&Arc::new(Certificates::make_anywhere())), &[], false)
    }

    fn launch(certificates: Option<&Arc<Certificates>>, arguments: &[&str], is_node: bool) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let certificates = certificates.cloned();
        let mut server = Self { directory, port: 0, certificates, arguments, bus_port: None, process: None };
        for _ in 0..PORTS {
            server.port = free_port();
            server.bus_port = is_node.then(free_port);
            if server.try_run(&[], "PONG") {
                return server;
            }
        }
        panic!("redis-server does not start; its log:\n{}", server.log());
    }

    /// Starts the process, and waits until it answers `PING` in these words, or ends.
    fn try_run(&mut self, more: &[&str], expected: &str) -> bool {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--logfile", "log"]);
        command
            .args(["--unixsocket", "socket", "--unixsocketperm", "700", "--dir"])
            .arg(self.directory.path());
        match &self.certificates {
            None => command.args(["--port", &port]),
            Some(files) => {
                command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "yes"]);
                command.args(["--tls-ca-cert-file", &files.file("ca.crt")]);
                command.args(["--tls-cert-file", &files.file("server.crt")]);
                command.args(["--tls-key-file", &files.file("server.key")])
            }
        };
        if let Some(port) = &self.bus_port {
            command.args(["--cluster-enabled", "yes", "--cluster-port", &port.to_string()]);
            command.args(["--tls-cluster", if self.certificates.is_some() { "yes" } else { "no" }]);
        }
        command.args(&self.arguments).args(more);
        let command = command.current_dir(self.directory.path()).stdout(Stdio::null());
        let mut process = command.spawn().expect("redis-server is installed (scripts/setup.sh test)");
        for _ in 0..MAX_POLLS {
            // The port is taken before the socket is there, so a server that answers has both.
            let answer =
                RedisClient::connect(&self.socket()).and_then(|mut client| client.try_run(&["PING"]));
            let said = match answer {
                Ok(Reply::Text(words) | Reply::Refusal(words)) => words,
                _ => String::new(),
            };
            if said.starts_with(expected) {
                self.process = Some(process);
                return true;
            }
            if process.try_wait().expect("our own child can be asked").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // Nobody may wait for it any more.
        let _ = process.kill();
        let _ = process.wait();
        false
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the port at which a node of a cluster talks to the others.
    pub(super) fn bus_port(&self) -> u16 {
        self.bus_port.expect("a node of a cluster")
    }

    /// Returns its socket in the file system.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Returns the certificates of a server with TLS.
    pub fn certificates(&self) -> &Certificates {
        self.certificates.as_ref().expect("a server with TLS")
    }

    /// Returns a store string with a login (such as `user:password`, or nothing) and options (such as `prefix=p`).
    pub fn store(&self, login: &str, options: &str) -> String {
        let at = if login.is_empty() { "" } else { "@" };
        match &self.certificates {
            None => format!("redis://{login}{at}127.0.0.1:{}?{options}", self.port),
            Some(files) => {
                format!("rediss://{login}{at}127.0.0.1:{}?{}&{options}", self.port, files.options())
            }
        }
    }

    /// Connects a client that may do anything, unless a password was set meanwhile.
    pub fn client(&self) -> RedisClient {
        RedisClient::connect(&self.socket()).expect("the server is there")
    }

    /// Creates a user with the password `secret` who may run these commands and no others.
    pub fn add_user(&self, name: &str, commands: &[&str]) {
        let words = [&["ACL", "SETUSER", name, "on", ">secret", "~*", "-@all"], commands].concat();
        assert_eq!(self.client().run(&words), Reply::Text("OK".to_owned()));
    }

    /// Returns whether it was not killed.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Kills it; its data are gone.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("our own child may be killed");
            process.wait().expect("our own child can be waited for");
        }
    }

    /// Starts it again where it was, empty.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.try_run(&[], "PONG"), "redis-server does not start again; its log:\n{}", self.log());
    }

    /// Starts it again with its data, which it loads until [`RedisServer::finish_loading`].
    pub fn restart_loading(&mut self) {
        let mut client = self.client();
        let pad =
            "local pad = string.rep('x', 1024) for i = 1, ARGV[1] do redis.call('SET', 'pad-' .. i, pad) end";
        client.run(&["EVAL", pad, "0", PADDING]);
        // Compressed, they would be a few bytes each.
        client.run(&["CONFIG", "SET", "rdbcompression", "no"]);
        assert_eq!(client.run(&["SAVE"]), Reply::Text("OK".to_owned()));
        self.kill();
        assert!(
            self.try_run(LOADS_SLOWLY, "LOADING"),
            "redis-server does not load; its log:\n{}",
            self.log()
        );
    }

    /// Lets it load the rest at full speed.
    pub fn finish_loading(&self) {
        let reply = self.client().run(&["CONFIG", "SET", "key-load-delay", "0"]);
        assert_eq!(reply, Reply::Text("OK".to_owned()));
    }

    /// Stops it as a debugger would: connections are accepted by the system, but nothing answers.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        let id = self.process.as_ref().expect("the server runs").id();
        // SAFETY: plain numbers; the process is our own child and was not waited for.
        assert_eq!(unsafe { libc::kill(id as libc::pid_t, signal) }, 0);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Finds a port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}
