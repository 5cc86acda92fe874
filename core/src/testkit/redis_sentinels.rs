//! Real sentinels of a test's own, with a master and replicas to watch over.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::redis_client::{RedisClient, Reply};
use super::redis_cluster::eventually;
use super::redis_server::{RedisServer, free_port};

/// What the sentinels call the master.
pub const MASTER: &str = "the-master";
/// How many sentinels there are; two must agree.
const SENTINELS: usize = 3;

/// A master with two replicas, and the sentinels that watch over them.
pub struct RedisSentinels {
    servers: Vec<RedisServer>,
    sentinels: Vec<Sentinel>,
}

struct Sentinel {
    directory: TempDir,
    port: u16,
    process: Child,
}

impl RedisSentinels {
    /// Starts them all, and waits until they know one another.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Does so with further lines in the sentinels' configuration.
    pub fn start_with(lines: &str) -> Self {
        let master = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]);
        let port = master.port().to_string();
        let replica = || {
            RedisServer::start_with(&["--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", &port])
        };
        let servers = vec![replica(), replica(), master];
        let set =
            Self { sentinels: (0..SENTINELS).map(|_| Sentinel::start(&port, lines)).collect(), servers };
        eventually("the sentinels know one another and the replicas", || {
            set.sentinels.iter().all(|sentinel| {
                let Ok(mut client) = RedisClient::connect(&sentinel.socket()) else { return false };
                let Ok(Reply::Text(info)) = client.try_run(&["INFO", "sentinel"]) else { return false };
                info.contains(&format!("status=ok,address=127.0.0.1:{port},slaves=2,sentinels={SENTINELS}"))
            })
        });
        eventually("the replicas follow", || {
            set.servers[..2].iter().all(|server| {
                let Reply::Text(info) = server.client().run(&["INFO", "replication"]) else { return false };
                info.contains("master_link_status:up")
            })
        });
        set
    }

    /// Returns a store string with a login and options.
    pub fn store(&self, login: &str, options: &str) -> String {
        let at = if login.is_empty() { "" } else { "@" };
        let hosts: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis+sentinel://{login}{at}{}/{MASTER}?{options}", hosts.join(","))
    }

    /// Returns every server, in no order that would mean anything.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// Returns the server that says that it is the master, once there is one.
    pub fn master(&self) -> &RedisServer {
        eventually("there is a master", || self.find(true).is_some());
        self.find(true).map(|n| &self.servers[n]).expect("there was one just now")
    }

    /// Returns a server that says that it is none.
    pub fn replica(&self) -> &RedisServer {
        self.find(false).map(|n| &self.servers[n]).expect("there is a replica")
    }

    fn find(&self, is_master: bool) -> Option<usize> {
        self.servers.iter().position(|server| server.is_running() && says_master(server) == Some(is_master))
    }

    /// Kills the master, whose place a replica takes after a while.
    pub fn kill_master(&mut self) {
        let n = self.find(true).expect("there is a master");
        self.servers[n].kill();
    }

    /// Kills a sentinel.
    pub fn kill_sentinel(&mut self, n: usize) {
        self.sentinels[n].kill();
    }

    /// Returns whether every living sentinel knows of a master that is well, and of two replicas.
    pub fn is_settled(&self) -> bool {
        self.sentinels.iter().all(|sentinel| {
            let Ok(mut client) = RedisClient::connect(&sentinel.socket()) else { return true };
            let Ok(Reply::Text(info)) = client.try_run(&["INFO", "sentinel"]) else { return false };
            info.contains("status=ok") && info.contains("slaves=2")
        })
    }

    /// Has another server become the master, while all of them live; returns when it has.
    pub fn fail_over(&self) {
        let before = self.master().port();
        eventually("a sentinel begins a failover", || {
            let mut client =
                RedisClient::connect(&self.sentinels[0].socket()).expect("the sentinel is there");
            client.run(&["SENTINEL", "FAILOVER", MASTER]) == Reply::Text("OK".to_owned())
        });
        eventually("another server is the master, and no longer the old one", || {
            let masters: Vec<u16> = self
                .servers
                .iter()
                .filter(|server| says_master(server) == Some(true))
                .map(RedisServer::port)
                .collect();
            matches!(masters[..], [port] if port != before)
        });
    }
}

/// Asks a server for its role. A failover ends the connections of those whose role changes, this one perhaps, too.
fn says_master(server: &RedisServer) -> Option<bool> {
    let mut client = RedisClient::connect(&server.socket()).ok()?;
    match client.try_run(&["INFO", "replication"]).ok()? {
        Reply::Text(info) => Some(info.contains("role:master")),
        _ => None,
    }
}

impl Sentinel {
    fn start(master: &str, lines: &str) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let port = free_port();
        let config = format!(
            "port {port}\nbind 127.0.0.1\nunixsocket {path}/socket\nunixsocketperm 700\ndir {path}\nlogfile {path}/log\n\
             sentinel monitor {MASTER} 127.0.0.1 {master} 2\nsentinel down-after-milliseconds {MASTER} 500\n\
             sentinel failover-timeout {MASTER} 3000\n{lines}\n",
            path = directory.path().display()
        );
        let file = directory.path().join("sentinel.conf");
        std::fs::write(&file, config).expect("the directory can be written");
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel").stdout(Stdio::null());
        let process = command.spawn().expect("redis-server is installed (scripts/setup.sh test)");
        let sentinel = Self { directory, port, process };
        eventually("a sentinel answers", || RedisClient::connect(&sentinel.socket()).is_ok());
        sentinel
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn kill(&mut self) {
        // Fails when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.kill();
    }
}
