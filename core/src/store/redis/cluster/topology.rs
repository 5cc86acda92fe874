//! The known topology of a cluster, refreshed when a node redirects.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_ok;
use parking_lot::Mutex;
use redis::{Pipeline, Value};
use tokio::sync::watch;

use super::node::{Node, NodePool};
use super::request::Route;
use super::slot_map::{Change, SlotMap, SlotRange};
use crate::clock::{Clock, Moment};
use crate::error::Result;
use crate::store::redis::config::{ReadFrom, RedisAddress, RedisConfig};
use crate::store::redis::net::{Connector, Target};

/// The shortest interval between two refreshes: while slots are being moved, every reply redirects.
const REFRESH_INTERVAL: Duration = Duration::from_millis(250);

const REFRESHING: &str = "reading the slot map";

/// The slot map of a cluster, and connections to its nodes.
pub(crate) struct Topology {
    connector: Connector,
    /// The nodes of the configuration. They are never removed.
    seeds: Vec<RedisAddress>,
    read_from: ReadFrom,
    state: Mutex<TopologyState>,
    refresh: Mutex<TopologyRefresh>,
    masters: watch::Sender<Vec<Target>>,
}

struct TopologyState {
    slots: SlotMap,
    nodes: NodePool,
}

/// Whether `CLUSTER SLOTS` may be sent.
enum TopologyRefresh {
    /// The user lacks the permission.
    Refused,
    /// From this moment on.
    NotBefore(Moment),
}

impl Topology {
    /// Creates an empty slot map; `seeds` are nodes of the cluster.
    pub(crate) fn new(connector: Connector, seeds: &[RedisAddress], read_from: ReadFrom) -> Self {
        let mut nodes = NodePool::new(connector.clone());
        for seed in seeds {
            nodes.master(seed);
        }
        Self {
            connector,
            seeds: seeds.to_vec(),
            read_from,
            state: Mutex::new(TopologyState { slots: SlotMap::new(), nodes }),
            refresh: Mutex::new(TopologyRefresh::NotBefore(Moment::DISTANT_PAST)),
            masters: watch::Sender::new(Vec::new()),
        }
    }

    pub(crate) fn config(&self) -> &RedisConfig {
        &self.connector.config
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(crate) fn read_from(&self) -> ReadFrom {
        self.read_from
    }

    /// Returns the nodes that accept writes, and every later change of them.
    pub(crate) fn masters(&self) -> watch::Receiver<Vec<Target>> {
        self.masters.subscribe()
    }

    /// Reads the slot map as it is known.
    pub(crate) fn with_slots<T>(&self, read: impl FnOnce(&SlotMap) -> T) -> T {
        read(&self.state.lock().slots)
    }

    /// Returns the master that owns a slot, if it is known.
    pub(crate) fn owner(&self, slot: u16) -> Option<RedisAddress> {
        self.with_slots(|slots| slots.owner(slot).cloned())
    }

    /// Returns the node for a command on a route, or `None` if it is not known. A route to a
    /// replica becomes one to the owner if there is no replica to read from.
    pub(crate) fn resolve(&self, route: &Route, slot: u16) -> (Route, Option<Arc<Node>>) {
        let mut state = self.state.lock();
        let TopologyState { slots, nodes } = &mut *state;
        match route {
            Route::ReplicaOrOwner => {
                if self.read_from == ReadFrom::Replica
                    && let Some(replica) = slots.replica(slot)
                {
                    return (Route::ReplicaOrOwner, Some(nodes.replica(replica)));
                }
                (Route::Owner, slots.owner(slot).map(|owner| nodes.master(owner)))
            }
            Route::Owner => (Route::Owner, slots.owner(slot).map(|owner| nodes.master(owner))),
            Route::AnyExcept(_) => (route.clone(), None),
            Route::Asking(importer) => {
                let node = nodes.master(importer);
                let change = slots.set_importing(importer);
                drop(state);
                if change == Change::Changed {
                    self.publish_masters();
                }
                (route.clone(), Some(node))
            }
        }
    }

    /// Returns a reachable node: one with an open connection, otherwise the first that connects.
    /// Nodes to avoid are used only if there are no others.
    pub(crate) async fn any_node(&self, avoid: &[RedisAddress]) -> Result<Arc<Node>> {
        let nodes: Vec<Arc<Node>> = self.state.lock().nodes.masters().cloned().collect();
        let (avoided, preferred): (Vec<_>, Vec<_>) =
            nodes.into_iter().partition(|node| avoid.contains(&node.address));
        let candidates = if preferred.is_empty() { avoided } else { preferred };
        if let Some(open) = candidates.iter().find(|node| node.connection.is_open()) {
            return Ok(open.clone());
        }
        let connecting = candidates
            .iter()
            .map(|node| async move { node.connection.connection().await.map(|_| node) }.boxed());
        select_ok(connecting).await.map(|(node, _)| node.clone())
    }

    /// Records the owners that nodes reported, and refreshes the slot map if that changed anything.
    pub(crate) async fn update_owners(&self, moved: &[(u16, RedisAddress)]) {
        let Some((_, first_owner)) = moved.first() else { return };
        if self.set_owners(moved) == Change::Changed {
            // The new owner has the latest map. Where its map differs, the redirect is newer.
            self.refresh(Some(first_owner)).await;
            self.set_owners(moved);
            self.publish_masters();
        }
    }

    /// Records the owner of a slot.
    pub(crate) fn set_owner(&self, slot: u16, owner: &RedisAddress) {
        if self.set_owners(&[(slot, owner.clone())]) == Change::Changed {
            self.publish_masters();
        }
    }

    fn set_owners(&self, moved: &[(u16, RedisAddress)]) -> Change {
        let mut state = self.state.lock();
        let TopologyState { slots, nodes } = &mut *state;
        let mut change = Change::Unchanged;
        for (slot, owner) in moved {
            nodes.master(owner);
            if slots.set_owner(*slot, owner, |previous| nodes.is_down(previous)) == Change::Changed {
                change = Change::Changed;
            }
        }
        change
    }

    /// Reads the slot map from a node, unless that was done within [`REFRESH_INTERVAL`].
    pub(crate) async fn refresh(&self, from: Option<&RedisAddress>) {
        let now = Clock::System.now();
        match &mut *self.refresh.lock() {
            TopologyRefresh::NotBefore(moment) if now >= *moment => *moment = now.after(REFRESH_INTERVAL),
            _ => return,
        }
        self.refresh_now(from).await;
    }

    /// Reads the slot map from a node, if the user has the permission. A failure is not reported:
    /// the commands that need the map fail with their own error.
    pub(crate) async fn refresh_now(&self, from: Option<&RedisAddress>) {
        if matches!(*self.refresh.lock(), TopologyRefresh::Refused) {
            return;
        }
        let node = match from {
            Some(address) => self.state.lock().nodes.master(address),
            None => match self.any_node(&[]).await {
                Ok(node) => node,
                Err(_) => return,
            },
        };
        let mut commands = Pipeline::new();
        commands.cmd("CLUSTER").arg("SLOTS");
        let timeout = self.config().response_timeout;
        let Ok(replies) = node.execute(REFRESHING, &commands, timeout).await else { return };
        match replies.first() {
            Some(Value::ServerError(e)) if e.code() == "NOPERM" => {
                log::info!("{}", self.config().error_at(&node.address).server_error(REFRESHING, e));
                *self.refresh.lock() = TopologyRefresh::Refused;
            }
            Some(reply) => {
                if let Some(ranges) = SlotRange::parse_all(reply, &node.address) {
                    self.replace(ranges);
                    self.publish_masters();
                }
            }
            None => {}
        }
    }

    fn replace(&self, ranges: Vec<SlotRange>) {
        let mut state = self.state.lock();
        let TopologyState { slots, nodes } = &mut *state;
        slots.replace(ranges);
        let masters = slots.masters();
        let is_master = |address: &RedisAddress| masters.contains(address) || self.seeds.contains(address);
        let is_replica = |address: &RedisAddress| slots.replicas().any(|replica| replica == address);
        nodes.retain(is_master, is_replica);
        for master in &masters {
            nodes.master(master);
        }
    }

    fn publish_masters(&self) {
        let nodes = self.with_slots(SlotMap::writable_nodes);
        let masters: Vec<Target> = nodes.into_iter().map(Target::ClusterMaster).collect();
        self.masters.send_if_modified(|known| {
            let is_modified = *known != masters;
            *known = masters;
            is_modified
        });
    }
}
