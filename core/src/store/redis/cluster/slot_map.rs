//! The slot map: which node owns which slot. Addresses only, no connections.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use redis::Value;

use crate::store::redis::config::RedisAddress;
use crate::store::redis::hash_slot::SLOTS;

/// The known owners of all slots, and the replicas of the owners.
pub(crate) struct SlotMap {
    owners: Vec<Option<Arc<RedisAddress>>>,
    /// Nodes that answer for slots which they do not own yet.
    importing: BTreeSet<RedisAddress>,
    /// The replicas of each master that has any.
    replicas: HashMap<RedisAddress, Vec<RedisAddress>>,
    /// Increases whenever a slot that had an owner gets another one.
    version: u64,
}

/// A range of slots with the same nodes, as `CLUSTER SLOTS` reports it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SlotRange {
    first: u16,
    last: u16,
    master: RedisAddress,
    replicas: Vec<RedisAddress>,
}

/// Whether a call changed the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Changed,
    Unchanged,
}

impl SlotMap {
    pub(crate) fn new() -> Self {
        Self { owners: vec![None; SLOTS], importing: BTreeSet::new(), replicas: HashMap::new(), version: 0 }
    }

    /// Returns the master that owns a slot, if it is known.
    pub(crate) fn owner(&self, slot: u16) -> Option<&RedisAddress> {
        self.owners[slot as usize].as_deref()
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Returns the slots without a known owner.
    pub(crate) fn unknown_slots(&self) -> BTreeSet<u16> {
        (0..SLOTS as u16).filter(|slot| self.owner(*slot).is_none()).collect()
    }

    /// Returns the replica that serves reads of a slot, if its owner has any.
    pub(crate) fn replica(&self, slot: u16) -> Option<&RedisAddress> {
        let replicas = self.replicas.get(self.owner(slot)?)?;
        if replicas.is_empty() { None } else { Some(&replicas[slot as usize % replicas.len()]) }
    }

    /// Returns the replicas of all masters.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = &RedisAddress> {
        self.replicas.values().flatten()
    }

    /// Returns the masters that own slots.
    pub(crate) fn masters(&self) -> BTreeSet<RedisAddress> {
        let mut masters = BTreeSet::new();
        let mut last = None;
        for owner in self.owners.iter().flatten() {
            // Slots come in long runs.
            if last != Some(owner) {
                masters.insert((**owner).clone());
                last = Some(owner);
            }
        }
        masters
    }

    /// Returns the nodes that accept writes: the masters, and the nodes that are importing slots.
    pub(crate) fn writable_nodes(&self) -> BTreeSet<RedisAddress> {
        &self.masters() | &self.importing
    }

    /// Records that a node is importing a slot.
    pub(crate) fn set_importing(&mut self, address: &RedisAddress) -> Change {
        if self.importing.insert(address.clone()) { Change::Changed } else { Change::Unchanged }
    }

    /// Sets the owner of a slot. If the previous owner is down, the new owner takes over all of its
    /// slots, because that is how a replica is promoted.
    pub(crate) fn set_owner(
        &mut self,
        slot: u16,
        owner: &RedisAddress,
        is_down: impl Fn(&RedisAddress) -> bool,
    ) -> Change {
        let owner = Arc::new(owner.clone());
        match self.owners[slot as usize].replace(owner.clone()) {
            Some(previous) if previous == owner => return Change::Unchanged,
            None => return Change::Changed,
            Some(previous) => {
                if is_down(&previous) {
                    for other in self.owners.iter_mut().flatten().filter(|other| **other == previous) {
                        *other = owner.clone();
                    }
                }
            }
        }
        self.version += 1;
        Change::Changed
    }

    /// Replaces the whole map by the report of a node.
    pub(crate) fn replace(&mut self, ranges: Vec<SlotRange>) {
        let mut next = Self::new();
        for range in ranges {
            let master = Arc::new(range.master.clone());
            for slot in range.first..=range.last {
                next.owners[slot as usize] = Some(master.clone());
            }
            next.replicas.entry(range.master).or_insert(range.replicas);
        }
        let mut pairs = self.owners.iter().zip(&next.owners);
        let has_moved = pairs.any(|(old, new)| old.is_some() && old != new);
        next.version = self.version + u64::from(has_moved);
        *self = next;
    }
}

impl SlotRange {
    /// Parses the reply to `CLUSTER SLOTS` from the node at `sender`; `None` if it is malformed.
    pub(crate) fn parse_all(reply: &Value, sender: &RedisAddress) -> Option<Vec<Self>> {
        let Value::Array(ranges) = reply else { return None };
        ranges.iter().map(|range| Self::parse(range, sender)).collect()
    }

    fn parse(reply: &Value, sender: &RedisAddress) -> Option<Self> {
        let Value::Array(parts) = reply else { return None };
        let [Value::Int(first), Value::Int(last), master, replicas @ ..] = &parts[..] else { return None };
        Some(Self {
            first: parse_slot(*first)?,
            last: parse_slot(*last)?,
            master: parse_node(master, sender)?,
            replicas: replicas.iter().filter_map(|replica| parse_node(replica, sender)).collect(),
        })
    }
}

fn parse_slot(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|slot| usize::from(*slot) < SLOTS)
}

fn parse_node(reply: &Value, sender: &RedisAddress) -> Option<RedisAddress> {
    let Value::Array(parts) = reply else { return None };
    let host = match parts.first()? {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        _ => "",
    };
    let Value::Int(port) = parts.get(1)? else { return None };
    Some(resolve_host(host, u16::try_from(*port).ok()?, sender))
}

/// Parses the details of a `MOVED` or `ASK` error from the node at `sender`: `SLOT HOST:PORT`.
pub(crate) fn parse_redirect(details: &str, sender: &RedisAddress) -> Option<RedisAddress> {
    let (host, port) = details.split(' ').nth(1)?.rsplit_once(':')?;
    Some(resolve_host(host, port.parse().ok()?, sender))
}

/// An empty host, or `?`, means the host of the sender.
fn resolve_host(host: &str, port: u16, sender: &RedisAddress) -> RedisAddress {
    match (host, sender) {
        ("" | "?", RedisAddress::Tcp(sender_host, _)) => RedisAddress::Tcp(sender_host.clone(), port),
        _ => RedisAddress::Tcp(host.to_owned(), port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(port: u16) -> RedisAddress {
        RedisAddress::Tcp("10.0.0.1".to_owned(), port)
    }

    fn range(first: u16, last: u16, master: u16, replicas: &[u16]) -> SlotRange {
        let replicas = replicas.iter().map(|port| node(*port)).collect();
        SlotRange { first, last, master: node(master), replicas }
    }

    #[test]
    fn a_redirection_may_leave_out_the_host() {
        let sender = RedisAddress::Tcp("10.0.0.9".to_owned(), 7000);
        for (details, expected) in [
            ("866 10.0.0.1:6379", "10.0.0.1:6379"),
            ("866 :6379", "10.0.0.9:6379"),
            ("866 ::1:6379", "[::1]:6379"),
            ("866 node.test:6379", "node.test:6379"),
        ] {
            assert_eq!(parse_redirect(details, &sender).unwrap().to_string(), expected);
        }
        assert_eq!(parse_redirect("866", &sender), None);
    }

    #[test]
    fn a_report_replaces_the_map_and_counts_as_a_new_version_only_if_a_slot_moved() {
        let mut map = SlotMap::new();
        map.replace(vec![range(0, 8191, 1, &[3]), range(8192, 16_383, 2, &[])]);
        assert_eq!((map.owner(0), map.owner(16_383)), (Some(&node(1)), Some(&node(2))));
        assert_eq!((map.replica(5), map.replica(9000)), (Some(&node(3)), None));
        assert_eq!(map.masters(), BTreeSet::from([node(1), node(2)]));
        assert_eq!((map.version(), map.unknown_slots().len()), (0, 0));
        map.replace(vec![range(0, 8191, 1, &[]), range(8192, 16_383, 2, &[])]);
        assert_eq!(map.version(), 0);
        map.replace(vec![range(0, 8192, 1, &[]), range(8193, 16_383, 2, &[])]);
        assert_eq!(map.version(), 1);
    }

    #[test]
    fn a_node_that_replaces_one_that_is_down_takes_over_all_its_slots() {
        let mut map = SlotMap::new();
        map.replace(vec![range(0, 9, 1, &[])]);
        assert_eq!(map.set_owner(20, &node(2), |_| true), Change::Changed);
        assert_eq!(map.version(), 0, "the slot had no owner");
        assert_eq!(map.set_owner(3, &node(2), |_| false), Change::Changed);
        assert_eq!((map.owner(3), map.owner(4)), (Some(&node(2)), Some(&node(1))));
        assert_eq!(map.set_owner(3, &node(2), |_| true), Change::Unchanged);
        assert_eq!(map.set_owner(4, &node(2), |address| *address == node(1)), Change::Changed);
        assert_eq!(map.masters(), BTreeSet::from([node(2)]));
        assert_eq!(map.version(), 2);
    }

    #[test]
    fn a_node_that_imports_a_slot_accepts_writes_without_owning_it() {
        let mut map = SlotMap::new();
        map.replace(vec![range(0, 9, 1, &[])]);
        assert_eq!(map.set_importing(&node(2)), Change::Changed);
        assert_eq!(map.set_importing(&node(2)), Change::Unchanged);
        assert_eq!(map.masters(), BTreeSet::from([node(1)]));
        assert_eq!(map.writable_nodes(), BTreeSet::from([node(1), node(2)]));
    }
}
