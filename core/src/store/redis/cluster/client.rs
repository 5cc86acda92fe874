//! The client of a cluster: executes commands wherever their keys are, and finds the owners of
//! keys.

use std::collections::BTreeSet;

use redis::{Pipeline, Value};
use tokio::sync::watch;

use super::dispatch::Dispatch;
use super::slot_map::SlotMap;
use super::topology::Topology;
use crate::error::{ErrorKind, Result};
use crate::store::redis::config::{ReadFrom, RedisAddress};
use crate::store::redis::hash_slot::{slot_of, slot_of_command};
use crate::store::redis::keys::Keys;
use crate::store::redis::net::{Connector, Target};
use crate::store::redis::retry::RetryBudget;

/// For each master, so many keys are tried to find one that it owns.
const PROBED_KEYS_PER_MASTER: usize = 64;

/// A cluster, with one connection to each node that all callers share.
pub(crate) struct Cluster {
    topology: Topology,
}

impl Cluster {
    /// Creates a client; `seeds` are nodes of the cluster. It connects on the first use.
    pub(crate) fn new(connector: Connector, seeds: &[RedisAddress], read_from: ReadFrom) -> Self {
        Self { topology: Topology::new(connector, seeds, read_from) }
    }

    /// Returns the nodes that accept writes, and every later change of them.
    pub(crate) fn masters(&self) -> watch::Receiver<Vec<Target>> {
        self.topology.masters()
    }

    /// Returns the master that owns a slot, if it is known.
    pub(crate) fn owner(&self, slot: u16) -> Option<RedisAddress> {
        self.topology.owner(slot)
    }

    /// Records the owner of a slot that a node reported.
    pub(crate) fn set_owner(&self, slot: u16, owner: &RedisAddress) {
        self.topology.set_owner(slot, owner);
    }

    /// Executes commands, whose first argument is their key. Returns their replies in order; a
    /// reply may be an error.
    ///
    /// # Errors
    /// The outer error means that no node of the cluster could serve any command. An inner error
    /// means that the node with this key could not.
    pub(crate) async fn execute(
        &self,
        operation: &str,
        commands: &Pipeline,
        budget: &RetryBudget,
    ) -> Result<Vec<Result<Value>>> {
        let slots: Vec<u16> = commands.cmd_iter().map(slot_of_command).collect();
        let has_unknown_owner =
            self.topology.with_slots(|map| slots.iter().any(|slot| map.owner(*slot).is_none()));
        if has_unknown_owner {
            self.topology.refresh(None).await;
        }
        Dispatch::new(&self.topology, operation, budget, commands.cmd_iter().zip(slots)).run().await
    }

    /// Executes commands for their effect on the topology.
    ///
    /// # Errors
    /// The first key whose node could not serve it.
    async fn probe(&self, operation: &str, commands: &Pipeline, budget: &RetryBudget) -> Result<()> {
        if commands.is_empty() {
            return Ok(());
        }
        for reply in self.execute(operation, commands, budget).await? {
            reply?;
        }
        Ok(())
    }

    /// Verifies and returns the owner of a key that holds a string, or nothing.
    ///
    /// # Errors
    /// No owner was found.
    pub(crate) async fn locate(&self, operation: &str, key: &str, budget: &RetryBudget) -> Result<Target> {
        let mut commands = Pipeline::new();
        commands.cmd("GET").arg(key);
        self.probe(operation, &commands, budget).await?;
        match self.owner(slot_of(key.as_bytes())) {
            Some(owner) => Ok(Target::ClusterMaster(owner)),
            None => Err(self.topology.config().error(
                ErrorKind::StoreUnavailable,
                operation,
                "the slot of the key has no owner",
            )),
        }
    }

    /// Finds the owners of slots, by reading one key of each slot. `prefix` starts the names of
    /// those keys.
    ///
    /// # Errors
    /// The first slot whose owner could not be found.
    pub(crate) async fn discover_owners(
        &self,
        operation: &str,
        prefix: &str,
        mut slots: BTreeSet<u16>,
        budget: &RetryBudget,
    ) -> Result<()> {
        let mut commands = Pipeline::with_capacity(slots.len());
        let mut number = 0_u64;
        while !slots.is_empty() {
            let key = format!("{prefix}{number}");
            if slots.remove(&slot_of(key.as_bytes())) {
                commands.cmd("GET").arg(key);
            }
            number += 1;
        }
        self.probe(operation, &commands, budget).await
    }

    /// Returns all masters that may hold any of the keys, and the version of the slot map.
    ///
    /// # Errors
    /// Some slot has no owner.
    pub(crate) async fn key_holders(&self, operation: &str, keys: &Keys) -> Result<(Vec<Target>, u64)> {
        let budget = RetryBudget::for_writer(self.topology.config());
        if keys.are_in_one_slot() {
            let owner = self.locate(operation, &keys.cursor, &budget).await?;
            return Ok((vec![owner], self.topology.with_slots(SlotMap::version)));
        }
        self.topology.refresh_now(None).await;
        // Without the permission for CLUSTER SLOTS, each slot is probed.
        let unknown = self.topology.with_slots(SlotMap::unknown_slots);
        self.discover_owners(operation, &keys.prefix, unknown, &budget).await?;
        let (masters, version) = self.topology.with_slots(|map| (map.masters(), map.version()));
        Ok((masters.into_iter().map(Target::ClusterMaster).collect(), version))
    }

    /// Returns the version of the slot map, refreshed if the user has the permission.
    pub(crate) async fn current_version(&self) -> u64 {
        self.topology.refresh_now(None).await;
        self.topology.with_slots(SlotMap::version)
    }

    /// Reads one key of each master, which detects unreachable masters and failovers. `prefix`
    /// starts the names of those keys.
    ///
    /// # Errors
    /// The first master that could not serve its key.
    pub(crate) async fn check_masters(
        &self,
        operation: &str,
        prefix: &str,
        budget: &RetryBudget,
    ) -> Result<()> {
        if self.topology.read_from() == ReadFrom::Replica {
            // Nothing else reveals a new replica.
            self.topology.refresh(None).await;
        }
        let commands = self.topology.with_slots(|map| one_key_per_master(map, prefix));
        self.probe(operation, &commands, budget).await
    }
}

/// Returns a `GET` for each master. If the prefix puts all keys into one slot, only its owner gets
/// one.
fn one_key_per_master(map: &SlotMap, prefix: &str) -> Pipeline {
    let mut commands = Pipeline::new();
    let mut masters = map.masters();
    for number in 0..PROBED_KEYS_PER_MASTER * masters.len() {
        let key = format!("{prefix}{number}");
        let owner = map.owner(slot_of(key.as_bytes()));
        if owner.is_some_and(|owner| masters.remove(owner)) {
            commands.cmd("GET").arg(key);
        }
    }
    commands
}
