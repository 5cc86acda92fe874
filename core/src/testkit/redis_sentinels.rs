//! Sentinels for tests, with a master and replicas.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::redis_client::{RedisClient, Reply};
use super::redis_cluster::eventually;
use super::redis_server::{RedisServer, free_port};

/// The name of the master in the configuration of the sentinels.
pub const MASTER: &str = "the-master";
/// The number of sentinels. The quorum is two.
const SENTINELS: usize = 3;

/// A master with two replicas, and the sentinels that monitor them.
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
    /// Starts all processes, and waits until the sentinels have discovered them.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts all processes, with further lines in the configuration of the sentinels.
    pub fn start_with(lines: &str) -> Self {
        let master = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]);
        let port = master.port().to_string();
        let replica = || {
            RedisServer::start_with(&["--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", &port])
        };
        let servers = vec![replica(), replica(), master];
        let set =
            Self { sentinels: (0..SENTINELS).map(|_| Sentinel::start(&port, lines)).collect(), servers };
        eventually("the sentinels have discovered one another and the replicas", || {
            set.sentinels.iter().all(|sentinel| {
                let Ok(mut client) = RedisClient::connect(&sentinel.socket()) else { return false };
                let Ok(Reply::Text(info)) = client.try_run(&["INFO", "sentinel"]) else { return false };
                info.contains(&format!("status=ok,address=127.0.0.1:{port},slaves=2,sentinels={SENTINELS}"))
            })
        });
        eventually("the replicas are connected to their master", || {
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

    /// Returns the master and the replicas, in no particular order.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// Waits until a server reports that it is the master, and returns it.
    pub fn master(&self) -> &RedisServer {
        eventually("there is a master", || self.find(Role::Master).is_some());
        self.find(Role::Master).map(|n| &self.servers[n]).expect("there is a master")
    }

    /// Returns a server that reports that it is a replica.
    pub fn replica(&self) -> &RedisServer {
        self.find(Role::Replica).map(|n| &self.servers[n]).expect("there is a replica")
    }

    fn find(&self, role: Role) -> Option<usize> {
        self.servers.iter().position(|server| server.is_running() && role_of(server) == Some(role))
    }

    /// Kills the master. After a while, a replica is promoted.
    pub fn kill_master(&mut self) {
        let n = self.find(Role::Master).expect("there is a master");
        self.servers[n].kill();
    }

    /// Kills a sentinel.
    pub fn kill_sentinel(&mut self, n: usize) {
        self.sentinels[n].kill();
    }

    /// Returns whether every running sentinel reports a healthy master and two replicas.
    pub fn is_settled(&self) -> bool {
        self.sentinels.iter().all(|sentinel| {
            let Ok(mut client) = RedisClient::connect(&sentinel.socket()) else { return true };
            let Ok(Reply::Text(info)) = client.try_run(&["INFO", "sentinel"]) else { return false };
            info.contains("status=ok") && info.contains("slaves=2")
        })
    }

    /// Makes another server the master while all are running. Returns when it is.
    pub fn fail_over(&self) {
        let before = self.master().port();
        eventually("a sentinel starts a failover", || {
            let mut client =
                RedisClient::connect(&self.sentinels[0].socket()).expect("the sentinel is running");
            client.run(&["SENTINEL", "FAILOVER", MASTER]) == Reply::Text("OK".to_owned())
        });
        eventually("another server is the only master", || {
            let masters: Vec<u16> = self
                .servers
                .iter()
                .filter(|server| role_of(server) == Some(Role::Master))
                .map(RedisServer::port)
                .collect();
            matches!(masters[..], [port] if port != before)
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Master,
    Replica,
}

/// Returns the role that a server reports. A failover may close the connection meanwhile.
fn role_of(server: &RedisServer) -> Option<Role> {
    let mut client = RedisClient::connect(&server.socket()).ok()?;
    match client.try_run(&["INFO", "replication"]).ok()? {
        Reply::Text(info) if info.contains("role:master") => Some(Role::Master),
        Reply::Text(_) => Some(Role::Replica),
        _ => None,
    }
}

impl Sentinel {
    fn start(master: &str, lines: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
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
        eventually("a sentinel replies", || RedisClient::connect(&sentinel.socket()).is_ok());
        sentinel
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn kill(&mut self) {
        // Fails if the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.kill();
    }
}
