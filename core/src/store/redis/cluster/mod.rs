//! Redis Cluster: routes commands to the nodes that own their slots, and follows changes of the topology.

mod client;
mod dispatch;
mod node;
mod request;
mod slot_map;

pub(super) use client::Cluster;
pub(super) use slot_map::redirection;
