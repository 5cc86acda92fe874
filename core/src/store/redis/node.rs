//! A node of a cluster: where it is, and the one connection to it that all share.

use std::time::Duration;

use redis::{Pipeline, Value};

use super::config::RedisAddress;
use super::connector::{Connector, Target};
use super::link::Link;
use crate::error::Result;

pub(super) struct Node {
    pub(super) address: RedisAddress,
    pub(super) link: Link,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Node {
    /// Names a node; nothing connects yet.
    pub(super) fn new(connector: &Connector, address: &RedisAddress) -> Self {
        Self::towards(connector, address, Target::Node(address.clone()))
    }

    /// Names a node that is a replica, to be read from.
    pub(super) fn replica(connector: &Connector, address: &RedisAddress) -> Self {
        Self::towards(connector, address, Target::ReplicaNode(address.clone()))
    }

    fn towards(connector: &Connector, address: &RedisAddress, target: Target) -> Self {
        Self { address: address.clone(), link: Link::one_of_many(connector.towards(target)) }
    }

    /// Exchanges commands and replies; see [`Connection::exchange`](super::connection::Connection::exchange).
    pub(super) async fn exchange(
        &self,
        doing: &str,
        commands: &Pipeline,
        patience: Duration,
    ) -> Result<Vec<Value>> {
        self.link.connection().await?.exchange(doing, commands, patience).await
    }
}
