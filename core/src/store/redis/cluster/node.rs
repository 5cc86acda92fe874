//! A node of a cluster: where it is, and the one connection to it that all share.

use std::time::Duration;

use redis::{Pipeline, Value};

use crate::error::Result;
use crate::store::redis::config::RedisAddress;
use crate::store::redis::net::Link;
use crate::store::redis::net::{Connector, Target};

pub(crate) struct Node {
    pub(crate) address: RedisAddress,
    pub(crate) link: Link,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Node {
    /// Names a node; nothing connects yet.
    pub(crate) fn new(connector: &Connector, address: &RedisAddress) -> Self {
        Self::towards(connector, address, Target::Node(address.clone()))
    }

    /// Names a node that is a replica, to be read from.
    pub(crate) fn replica(connector: &Connector, address: &RedisAddress) -> Self {
        Self::towards(connector, address, Target::ReplicaNode(address.clone()))
    }

    fn towards(connector: &Connector, address: &RedisAddress, target: Target) -> Self {
        Self { address: address.clone(), link: Link::one_of_many(connector.towards(target)) }
    }

    /// Exchanges commands and replies; see [`Connection::exchange`](crate::store::redis::net::Connection::exchange).
    pub(crate) async fn exchange(
        &self,
        doing: &str,
        commands: &Pipeline,
        patience: Duration,
    ) -> Result<Vec<Value>> {
        self.link.connection().await?.exchange(doing, commands, patience).await
    }
}
