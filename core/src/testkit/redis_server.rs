//! Redis servers for tests. Each listens on a free port of 127.0.0.1 and on a Unix socket, keeps
//! its data in memory, and ends when dropped.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::certificates::Certificates;
use super::redis_client::{RedisClient, Reply};

/// How often a state is polled, every millisecond. A test that passes never reaches it.
const MAX_POLLS: u32 = 60_000;
/// How many ports are tried: another process may take a port before the server does.
const MAX_PORT_ATTEMPTS: u32 = 5;

/// Makes loading slow: 20 ms for each key. Clients are served after each kilobyte.
const LOADS_SLOWLY: &[&str] =
    &["--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"];
/// The number of keys of one kilobyte that are loaded slowly.
const PADDING: &str = "3000";

/// The minimal permissions of a reader (docs/spec.md#permissions).
pub const READER_COMMANDS: &[&str] = &["+get", "+smembers", "+ping"];
/// The minimal permissions of a writer (docs/spec.md#permissions).
pub const WRITER_COMMANDS: &[&str] =
    &["+get", "+set", "+sadd", "+srem", "+del", "+watch", "+ping", "+multi", "+exec"];

/// A running server.
pub struct RedisServer {
    directory: TempDir,
    port: u16,
    certificates: Option<Arc<Certificates>>,
    /// Further arguments of the command line.
    arguments: Vec<String>,
    /// The port of the cluster bus, for a node of a cluster.
    bus_port: Option<u16>,
    process: Option<Child>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Standalone,
    ClusterNode,
}

impl RedisServer {
    /// Starts a server with the default configuration.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further arguments.
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::launch(None, arguments, Mode::Standalone)
    }

    /// Starts a node for a new cluster. With certificates, it accepts TLS only.
    pub(super) fn start_node(certificates: Option<&Arc<Certificates>>, arguments: &[&str]) -> Self {
        Self::launch(certificates, arguments, Mode::ClusterNode)
    }

    /// Starts a server that accepts TLS only, and requires a client certificate. Its Unix socket
    /// does not.
    pub fn start_tls() -> Self {
        Self::launch(Some(&Arc::new(Certificates::make_anywhere())), &[], Mode::Standalone)
    }

    fn launch(certificates: Option<&Arc<Certificates>>, arguments: &[&str], mode: Mode) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let certificates = certificates.cloned();
        let mut server = Self { directory, port: 0, certificates, arguments, bus_port: None, process: None };
        for _ in 0..MAX_PORT_ATTEMPTS {
            server.port = free_port();
            server.bus_port = (mode == Mode::ClusterNode).then(free_port);
            if server.try_run(&[], "PONG") {
                return server;
            }
        }
        panic!("redis-server does not start; its log:\n{}", server.log());
    }

    /// Starts the process, and waits until its reply to `PING` starts with `expected`, or until it
    /// ends.
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
            // A server opens its port before its socket, so one that replies has both.
            let reply = RedisClient::connect(&self.socket()).and_then(|mut client| client.try_run(&["PING"]));
            let text = match reply {
                Ok(Reply::Text(text) | Reply::Error(text)) => text,
                _ => String::new(),
            };
            if text.starts_with(expected) {
                self.process = Some(process);
                return true;
            }
            if process.try_wait().expect("the child process can be polled").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // Either call fails if the process has ended already.
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

    /// Returns the port of the cluster bus.
    pub(super) fn bus_port(&self) -> u16 {
        self.bus_port.expect("a node of a cluster")
    }

    /// Returns the path of its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Returns the certificates of a server with TLS.
    pub fn certificates(&self) -> &Certificates {
        self.certificates.as_ref().expect("a server with TLS")
    }

    /// Returns a store string with a login (such as `user:password`, or nothing) and options (such
    /// as `prefix=p`).
    pub fn store(&self, login: &str, options: &str) -> String {
        let at = if login.is_empty() { "" } else { "@" };
        match &self.certificates {
            None => format!("redis://{login}{at}127.0.0.1:{}?{options}", self.port),
            Some(files) => {
                format!("rediss://{login}{at}127.0.0.1:{}?{}&{options}", self.port, files.options())
            }
        }
    }

    /// Connects a client with all permissions, unless a password was set.
    pub fn client(&self) -> RedisClient {
        RedisClient::connect(&self.socket()).expect("the server is running")
    }

    /// Creates a user with the password `secret` and the permission for these commands only.
    pub fn add_user(&self, name: &str, commands: &[&str]) {
        let args = [&["ACL", "SETUSER", name, "on", ">secret", "~*", "-@all"], commands].concat();
        assert_eq!(self.client().run(&args), Reply::Text("OK".to_owned()));
    }

    /// Returns whether it has not been killed.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Kills it. Its data are lost.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the child process can be killed");
            process.wait().expect("the child process can be waited for");
        }
    }

    /// Restarts it on the same port, without data.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.try_run(&[], "PONG"), "redis-server does not restart; its log:\n{}", self.log());
    }

    /// Restarts it with its data. It is loading until [`RedisServer::finish_loading`].
    pub fn restart_loading(&mut self) {
        let mut client = self.client();
        let pad =
            "local pad = string.rep('x', 1024) for i = 1, ARGV[1] do redis.call('SET', 'pad-' .. i, pad) end";
        client.run(&["EVAL", pad, "0", PADDING]);
        // Otherwise each key would be a few bytes.
        client.run(&["CONFIG", "SET", "rdbcompression", "no"]);
        assert_eq!(client.run(&["SAVE"]), Reply::Text("OK".to_owned()));
        self.kill();
        assert!(
            self.try_run(LOADS_SLOWLY, "LOADING"),
            "redis-server does not load; its log:\n{}",
            self.log()
        );
    }

    /// Makes it load the rest at full speed.
    pub fn finish_loading(&self) {
        let reply = self.client().run(&["CONFIG", "SET", "key-load-delay", "0"]);
        assert_eq!(reply, Reply::Text("OK".to_owned()));
    }

    /// Stops it as a debugger would: the kernel accepts connections, but nothing replies.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Resumes it after [`RedisServer::freeze`].
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        let id = self.process.as_ref().expect("the server is running").id();
        // SAFETY: the arguments are plain integers, and the child process has not been reaped, so
        // its id is valid.
        assert_eq!(unsafe { libc::kill(id as libc::pid_t, signal) }, 0);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Finds a free port.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}
