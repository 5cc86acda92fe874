//! Redis clusters for tests: their slots can be moved, and their nodes can be killed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::certificates::Certificates;
use super::redis_client::Reply;
use super::redis_server::RedisServer;

/// How often a state is polled, every ten milliseconds. A test that passes never reaches it.
const MAX_POLLS: u32 = 6_000;
const SLOTS: usize = 16_384;

/// A running cluster. Its nodes are numbered: masters first, then the replica of each master, then
/// a spare master.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    masters: usize,
    replicas: usize,
    certificates: Option<Arc<Certificates>>,
}

impl RedisCluster {
    /// Starts masters, each with the same number of slots.
    pub fn start(masters: usize) -> Self {
        Self::launch(masters, 0, 0, None)
    }

    /// Starts masters, each with the same number of slots and with one replica.
    pub fn start_with_replicas(masters: usize) -> Self {
        Self::launch(masters, masters, 0, None)
    }

    /// Starts masters, and a spare one without slots.
    pub fn start_with_spare(masters: usize) -> Self {
        Self::launch(masters, 0, 1, None)
    }

    /// Starts masters that accept TLS only, and require a client certificate.
    pub fn start_tls(masters: usize) -> Self {
        Self::launch(masters, 0, 0, Some(Arc::new(Certificates::make_anywhere())))
    }

    fn launch(
        masters: usize,
        replicas: usize,
        spares: usize,
        certificates: Option<Arc<Certificates>>,
    ) -> Self {
        let arguments = [
            "--cluster-node-timeout",
            "1000",
            "--cluster-replica-validity-factor",
            "0",
            "--repl-diskless-sync-delay",
            "0",
        ];
        let count = masters + replicas + spares;
        let nodes = (0..count).map(|_| RedisServer::start_node(certificates.as_ref(), &arguments)).collect();
        let cluster = Self { nodes, masters, replicas, certificates };
        for (n, node) in cluster.nodes.iter().enumerate() {
            run_ok(node, &["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]);
            if n < masters {
                let first = n * SLOTS / masters;
                let next = (n + 1) * SLOTS / masters;
                run_ok(node, &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(next - 1).to_string()]);
            }
            let [port, bus_port] = [node.port(), node.bus_port()].map(|port| port.to_string());
            run_ok(&cluster.nodes[0], &["CLUSTER", "MEET", "127.0.0.1", &port, &bus_port]);
        }
        eventually("all nodes are connected", || {
            cluster.nodes.iter().all(|node| {
                let Reply::Text(list) = node.client().run(&["CLUSTER", "NODES"]) else { return false };
                list.lines().filter(|line| line.contains(" connected") && !line.contains("handshake")).count()
                    == count
            })
        });
        for (n, replica) in cluster.nodes[masters..][..replicas].iter().enumerate() {
            let id = cluster.id(n);
            eventually("a replica accepts its master", || {
                replica.client().run(&["CLUSTER", "REPLICATE", &id]) == Reply::Text("OK".to_owned())
            });
        }
        cluster.wait();
        cluster
    }

    /// Waits until every node reports a healthy cluster, and every replica is connected to its
    /// master.
    fn wait(&self) {
        eventually("the cluster is healthy", || {
            self.nodes.iter().all(|node| {
                let info = |section: &[&str]| match node.client().run(section) {
                    Reply::Text(text) => text,
                    _ => String::new(),
                };
                let replication = info(&["INFO", "replication"]);
                info(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
                    && replicas(node) == self.replicas
                    && (replication.contains("role:master") || replication.contains("master_link_status:up"))
            })
        });
    }

    /// Returns a node.
    pub fn node(&self, n: usize) -> &RedisServer {
        &self.nodes[n]
    }

    /// Returns a node, to kill or restart it.
    pub fn node_mut(&mut self, n: usize) -> &mut RedisServer {
        &mut self.nodes[n]
    }

    /// Returns every node.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// Returns a store string with all masters, a login and options.
    pub fn store(&self, login: &str, options: &str) -> String {
        let at = if login.is_empty() { "" } else { "@" };
        let hosts: Vec<String> =
            self.nodes[..self.masters].iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        let hosts = hosts.join(",");
        match &self.certificates {
            None => format!("redis+cluster://{login}{at}{hosts}?{options}"),
            Some(files) => format!("rediss+cluster://{login}{at}{hosts}?{}&{options}", files.options()),
        }
    }

    /// Sets a configuration parameter on all nodes.
    pub fn configure(&self, name: &str, value: &str) {
        self.nodes.iter().for_each(|node| run_ok(node, &["CONFIG", "SET", name, value]));
    }

    /// Creates a user on all nodes; see [`RedisServer::add_user`].
    pub fn add_user(&self, name: &str, commands: &[&str]) {
        self.nodes.iter().for_each(|node| node.add_user(name, commands));
    }

    /// Runs a command on every master and returns the replies.
    pub fn run_everywhere(&self, args: &[&str]) -> Vec<Reply> {
        self.nodes[..self.masters].iter().map(|node| node.client().run(args)).collect()
    }

    /// Runs a command on the node that owns its key.
    pub fn run(&self, args: &[&str]) -> Reply {
        let is_moved = |reply: &Reply| matches!(reply, Reply::Error(message) if message.starts_with("MOVED"));
        let running = self.nodes.iter().filter(|node| node.is_running());
        let mut replies = running.map(|node| node.client().run(args));
        replies.find(|reply| !is_moved(reply)).expect("a node owns the key")
    }

    /// Returns all keys of all masters, sorted.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.nodes[..self.masters].iter().flat_map(|node| node.client().sorted(&["KEYS", "*"]));
        let mut keys: Vec<String> = keys.collect();
        keys.sort();
        keys
    }

    /// Returns the slot of a key.
    pub fn slot(&self, key: &str) -> u16 {
        match self.nodes[0].client().run(&["CLUSTER", "KEYSLOT", key]) {
            Reply::Number(slot) => slot as u16,
            other => panic!("KEYSLOT is a number, not {other:?}"),
        }
    }

    /// Returns the number of the master that owned a slot at the start.
    pub fn first_owner(&self, slot: u16) -> usize {
        (0..self.masters)
            .find(|n| usize::from(slot) < (n + 1) * SLOTS / self.masters)
            .expect("every slot has an owner")
    }

    /// Starts to move a slot. From now on, its keys may be on either node.
    pub fn begin_moving(&self, slot: u16, from: usize, to: usize) {
        let text = slot.to_string();
        run_ok(&self.nodes[to], &["CLUSTER", "SETSLOT", &text, "IMPORTING", &self.id(from)]);
        run_ok(&self.nodes[from], &["CLUSTER", "SETSLOT", &text, "MIGRATING", &self.id(to)]);
    }

    /// Moves at most `limit` keys of a slot, and returns how many it moved.
    pub fn move_keys(&self, slot: u16, from: usize, to: usize, limit: usize) -> usize {
        let count = limit.to_string();
        let keys = self.nodes[from].client().sorted(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), &count]);
        for key in &keys {
            let port = self.nodes[to].port().to_string();
            run_ok(&self.nodes[from], &["MIGRATE", "127.0.0.1", &port, key, "0", "60000"]);
        }
        keys.len()
    }

    /// Finishes the move: the new node owns the slot.
    pub fn finish_moving(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        let id = self.id(to);
        for n in [to, from] {
            run_ok(&self.nodes[n], &["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
        }
        eventually("all masters agree on the slot map", || {
            let views = self.nodes[..self.masters].iter().map(owners).collect::<BTreeSet<_>>();
            views.len() == 1
        });
    }

    fn id(&self, n: usize) -> String {
        match self.nodes[n].client().run(&["CLUSTER", "MYID"]) {
            Reply::Text(id) => id,
            other => panic!("MYID is text, not {other:?}"),
        }
    }
}

/// Computes the slot of a key without braces, bit by bit as in the specification.
pub fn slot_of(key: &str) -> u16 {
    let crc = key.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 }
        })
    });
    crc % SLOTS as u16
}

/// Returns the number of replicas in the cluster, as a node reports it.
fn replicas(node: &RedisServer) -> usize {
    let Reply::Text(list) = node.client().run(&["CLUSTER", "NODES"]) else { return 0 };
    list.lines().filter(|line| line.contains("slave")).count()
}

/// Returns the slot map as a node reports it: id, epoch and slots of each master.
fn owners(node: &RedisServer) -> BTreeSet<Vec<String>> {
    let Reply::Text(list) = node.client().run(&["CLUSTER", "NODES"]) else { return BTreeSet::new() };
    let masters = list.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let masters = masters.filter(|columns| columns[2].contains("master"));
    masters
        .map(|columns| {
            let fields = [columns[0], columns[6]].into_iter().chain(columns[8..].iter().copied());
            fields.map(str::to_owned).collect()
        })
        .collect()
}

#[track_caller]
fn run_ok(node: &RedisServer, args: &[&str]) {
    let reply = node.client().run(args);
    assert!(matches!(&reply, Reply::Text(text) if text == "OK" || text == "NOKEY"), "{args:?}: {reply:?}");
}

/// Waits until a condition holds.
pub(super) fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..MAX_POLLS {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("did not happen within a minute: {what}");
}
