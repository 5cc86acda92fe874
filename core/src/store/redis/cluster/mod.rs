//! Redis Cluster: routes commands to the nodes that own their slots, and follows changes of the
//! topology.
//!
//! `client` is the entry. `dispatch` sends a pipeline node by node and follows redirects.
//! `topology` holds the `slot_map`, which is pure data, and the connections to the `node`s.

mod client;
mod dispatch;
mod node;
mod request;
mod slot_map;
mod topology;

pub(super) use client::Cluster;
pub(super) use slot_map::parse_redirect;
