//! Which node of a cluster owns which slot.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use redis::Value;

use super::node::Node;
use crate::store::redis::config::RedisAddress;
use crate::store::redis::hash_slot::SLOTS;
use crate::store::redis::net::Connector;

/// What is known of the nodes, and who owns which slot.
pub(crate) struct SlotMap {
    owners: Vec<Option<Arc<Node>>>,
    nodes: HashMap<RedisAddress, Arc<Node>>,
    /// Nodes that answer for slots which they do not own yet.
    importing: BTreeSet<RedisAddress>,
    /// Of each master that has any, where its replicas are.
    replicas: HashMap<RedisAddress, Vec<Arc<Node>>>,
    /// Changes whenever a slot that had an owner gets another.
    version: u64,
}

/// A run of slots, as a node describes it.
pub(crate) struct SlotRange {
    first: u16,
    last: u16,
    master: RedisAddress,
    replicas: Vec<RedisAddress>,
}

impl SlotMap {
    pub(crate) fn new() -> Self {
        Self {
            owners: vec![None; SLOTS],
            nodes: HashMap::new(),
            importing: BTreeSet::new(),
            replicas: HashMap::new(),
            version: 0,
        }
    }

    pub(crate) fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        self.owners[slot as usize].as_ref()
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Returns the slots of which it is not known who owns them.
    pub(crate) fn unknown(&self) -> BTreeSet<u16> {
        (0..SLOTS as u16).filter(|slot| self.owner(*slot).is_none()).collect()
    }

    pub(crate) fn replicas(&self, master: &RedisAddress) -> &[Arc<Node>] {
        self.replicas.get(master).map_or(&[], Vec::as_slice)
    }

    /// Returns every node that was ever heard of and may still be there.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.values()
    }

    pub(crate) fn masters(&self) -> BTreeSet<RedisAddress> {
        let mut masters = BTreeSet::new();
        let mut last = None;
        for owner in self.owners.iter().flatten() {
            // Slots come in long runs.
            if last != Some(owner) {
                masters.insert(owner.address.clone());
                last = Some(owner);
            }
        }
        masters
    }

    /// Returns the masters, and the nodes that are just taking over slots.
    pub(crate) fn writable(&self) -> BTreeSet<RedisAddress> {
        &self.masters() | &self.importing
    }

    /// Takes note that a node is taking over a slot; returns whether that is news.
    pub(crate) fn imports(&mut self, address: &RedisAddress) -> bool {
        self.importing.insert(address.clone())
    }

    /// Returns the node at that address, making it known.
    pub(crate) fn node(&mut self, connector: &Connector, address: &RedisAddress) -> Arc<Node> {
        match self.nodes.get(address) {
            Some(node) => node.clone(),
            None => {
                let node = Arc::new(Node::new(connector, address));
                self.nodes.insert(address.clone(), node.clone());
                node
            }
        }
    }

    /// Gives a slot to a node; if its last owner is gone, all else it owned as well, for that is how replicas take over.
    /// Returns whether that was news.
    pub(crate) fn give(&mut self, slot: u16, node: &Arc<Node>) -> bool {
        let last = self.owners[slot as usize].replace(node.clone());
        match last {
            Some(last) if last == *node => return false,
            None => return true,
            Some(last) if !last.link.is_open() => {
                for owner in self.owners.iter_mut().flatten().filter(|owner| **owner == last) {
                    *owner = node.clone();
                }
            }
            Some(_) => {}
        }
        self.version += 1;
        true
    }

    /// Replaces everything by what a node says; nodes that are neither mentioned nor in `kept` are forgotten.
    pub(crate) fn replace(&mut self, connector: &Connector, ranges: &[SlotRange], kept: &[RedisAddress]) {
        let mut next = Self::new();
        for range in ranges {
            let master = self.node(connector, &range.master);
            for slot in range.first..=range.last {
                next.owners[slot as usize] = Some(master.clone());
            }
            next.nodes.insert(range.master.clone(), master);
            if !next.replicas.contains_key(&range.master) {
                let known = self.replicas(&range.master);
                let replicas = range.replicas.iter().map(|address| {
                    let known = known.iter().find(|node| node.address == *address);
                    known.cloned().unwrap_or_else(|| Arc::new(Node::replica(connector, address)))
                });
                next.replicas.insert(range.master.clone(), replicas.collect());
            }
        }
        for address in kept {
            let node = self.node(connector, address);
            next.nodes.insert(address.clone(), node);
        }
        let changed = self.owners.iter().zip(&next.owners).any(|(old, new)| old.is_some() && old != new);
        next.version = self.version + u64::from(changed);
        *self = next;
    }
}

impl SlotRange {
    /// Reads the reply to `CLUSTER SLOTS` of the node at `asked`; nothing if it is none.
    pub(crate) fn read_all(reply: &Value, asked: &RedisAddress) -> Option<Vec<Self>> {
        let Value::Array(ranges) = reply else { return None };
        ranges.iter().map(|range| Self::read(range, asked)).collect()
    }

    fn read(reply: &Value, asked: &RedisAddress) -> Option<Self> {
        let Value::Array(parts) = reply else { return None };
        let [Value::Int(first), Value::Int(last), master, replicas @ ..] = &parts[..] else { return None };
        let slot = |number: i64| u16::try_from(number).ok().filter(|slot| usize::from(*slot) < SLOTS);
        let node = |reply: &Value| {
            let Value::Array(parts) = reply else { return None };
            let host = match parts.first()? {
                Value::BulkString(host) => std::str::from_utf8(host).ok()?,
                _ => "",
            };
            let Value::Int(port) = parts.get(1)? else { return None };
            Some(relative(host, u16::try_from(*port).ok()?, asked))
        };
        Some(Self {
            first: slot(*first)?,
            last: slot(*last)?,
            master: node(master)?,
            replicas: replicas.iter().filter_map(node).collect(),
        })
    }
}

/// Reads where a `MOVED` or `ASK` of the node at `asked` points: `SLOT HOST:PORT`.
pub(crate) fn redirection(details: &str, asked: &RedisAddress) -> Option<RedisAddress> {
    let (host, port) = details.split(' ').nth(1)?.rsplit_once(':')?;
    Some(relative(host, port.parse().ok()?, asked))
}

/// An empty host, or `?`, means the one that was asked.
fn relative(host: &str, port: u16, asked: &RedisAddress) -> RedisAddress {
    match (host, asked) {
        ("" | "?", RedisAddress::Tcp(asked, _)) => RedisAddress::Tcp(asked.clone(), port),
        _ => RedisAddress::Tcp(host.to_owned(), port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_may_leave_out_the_host() {
        let asked = RedisAddress::Tcp("10.0.0.9".to_owned(), 7000);
        for (details, expected) in [
            ("866 10.0.0.1:6379", "10.0.0.1:6379"),
            ("866 :6379", "10.0.0.9:6379"),
            ("866 ::1:6379", "[::1]:6379"),
            ("866 node.test:6379", "node.test:6379"),
        ] {
            assert_eq!(redirection(details, &asked).unwrap().to_string(), expected);
        }
        assert_eq!(redirection("866", &asked), None);
    }
}
