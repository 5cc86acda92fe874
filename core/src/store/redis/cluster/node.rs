//! The nodes of a cluster, each with one shared connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Pipeline, Value};

use crate::error::Result;
use crate::store::redis::config::RedisAddress;
use crate::store::redis::net::{Connector, SharedConnection, Target};

/// A node and the connection that all callers share.
pub(crate) struct Node {
    pub(crate) address: RedisAddress,
    pub(crate) connection: SharedConnection,
}

impl Node {
    fn new(connector: &Connector, target: Target, address: &RedisAddress) -> Self {
        let connection = SharedConnection::for_cluster_node(connector.with_target(target));
        Self { address: address.clone(), connection }
    }

    /// Sends a pipeline and returns one reply for each command; a reply may be an error.
    pub(crate) async fn execute(
        &self,
        operation: &str,
        commands: &Pipeline,
        timeout: Duration,
    ) -> Result<Vec<Value>> {
        self.connection.connection().await?.execute(operation, commands, timeout).await
    }
}

/// The nodes that are known, by address. They connect on the first use.
pub(crate) struct NodePool {
    connector: Connector,
    /// Nodes that serve commands or redirect them: masters, and the nodes of the configuration.
    masters: HashMap<RedisAddress, Arc<Node>>,
    /// Nodes that serve reads of their master's slots.
    replicas: HashMap<RedisAddress, Arc<Node>>,
}

impl NodePool {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, masters: HashMap::new(), replicas: HashMap::new() }
    }

    /// Returns the master at an address, adding it if necessary.
    pub(crate) fn master(&mut self, address: &RedisAddress) -> Arc<Node> {
        if let Some(node) = self.masters.get(address) {
            return node.clone();
        }
        let node = Arc::new(Node::new(&self.connector, Target::ClusterMaster(address.clone()), address));
        self.masters.insert(address.clone(), node.clone());
        node
    }

    /// Returns the replica at an address, adding it if necessary.
    pub(crate) fn replica(&mut self, address: &RedisAddress) -> Arc<Node> {
        if let Some(node) = self.replicas.get(address) {
            return node.clone();
        }
        let node = Arc::new(Node::new(&self.connector, Target::ClusterReplica(address.clone()), address));
        self.replicas.insert(address.clone(), node.clone());
        node
    }

    /// Returns all nodes that serve commands or redirect them.
    pub(crate) fn masters(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.masters.values()
    }

    /// Returns whether a master is not connected, or its connection is broken.
    pub(crate) fn is_down(&self, master: &RedisAddress) -> bool {
        self.masters.get(master).is_none_or(|node| !node.connection.is_open())
    }

    /// Removes the nodes that are not listed.
    pub(crate) fn retain(
        &mut self,
        keep_master: impl Fn(&RedisAddress) -> bool,
        keep_replica: impl Fn(&RedisAddress) -> bool,
    ) {
        self.masters.retain(|address, _| keep_master(address));
        self.replicas.retain(|address, _| keep_replica(address));
    }
}
