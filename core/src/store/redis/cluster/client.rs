//! A cluster: finds the node that has a key, and follows where the nodes point.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_ok;
use parking_lot::Mutex;
use redis::{Pipeline, Value};
use tokio::sync::watch;

use super::dispatch::Delivery;
use super::node::Node;
use super::request::Route;
use super::slot_map::{SlotMap, SlotRange};
use crate::clock::{Clock, Moment};
use crate::error::{ErrorKind, Result};
use crate::store::redis::config::{ReadFrom, RedisAddress};
use crate::store::redis::hash_slot::{slot_of, slot_of_command};
use crate::store::redis::keys::Keys;
use crate::store::redis::net::{Connector, Target};
use crate::store::redis::retry::Patience;

/// How often the whole map is learned anew, at most: while slots are being moved, every reply points elsewhere.
const LEARNING_INTERVAL: Duration = Duration::from_millis(250);

const LEARNING: &str = "asking who owns which slot";

/// The nodes as they are known, each with one connection for all.
pub(crate) struct Cluster {
    pub(crate) connector: Connector,
    /// The nodes that the configuration names.
    seeds: Vec<RedisAddress>,
    read_from: ReadFrom,
    map: Mutex<SlotMap>,
    learning: Mutex<Learning>,
    masters: watch::Sender<Vec<Target>>,
}

/// Whether nodes may be asked for the whole map.
enum Learning {
    Refused,
    From(Moment),
}

impl Cluster {
    /// Prepares to talk to the cluster that these nodes are of.
    pub(crate) fn new(connector: Connector, seeds: &[RedisAddress], read_from: ReadFrom) -> Self {
        let mut map = SlotMap::new();
        for seed in seeds {
            map.node(&connector, seed);
        }
        Self {
            connector,
            seeds: seeds.to_vec(),
            read_from,
            map: Mutex::new(map),
            learning: Mutex::new(Learning::From(Moment::DISTANT_PAST)),
            masters: watch::Sender::new(Vec::new()),
        }
    }

    /// Tells who the masters are, as far as that is known, and of every change.
    pub(crate) fn masters(&self) -> watch::Receiver<Vec<Target>> {
        self.masters.subscribe()
    }

    /// Returns the master that owns a slot, if that is known.
    pub(crate) fn owner(&self, slot: u16) -> Option<RedisAddress> {
        self.map.lock().owner(slot).map(|node| node.address.clone())
    }

    /// Sends commands, all of which name their key first, to wherever their keys are; returns their replies in order.
    ///
    /// # Errors
    /// The outer error means that no node of the cluster answered, an inner one that the one with this key did not.
    pub(crate) async fn ask(
        &self,
        doing: &str,
        commands: &Pipeline,
        patience: &Patience,
    ) -> Result<Vec<Result<Value>>> {
        let slots: Vec<u16> = commands.cmd_iter().map(slot_of_command).collect();
        let is_unknown = {
            let map = self.map.lock();
            slots.iter().any(|slot| map.owner(*slot).is_none())
        };
        if is_unknown {
            self.learn(None).await;
        }
        Delivery::new(self, doing, patience, commands.cmd_iter().zip(slots)).run().await
    }

    /// Makes sure who owns a key, which holds text if anything, and returns whom to talk to about it.
    ///
    /// # Errors
    /// Nobody could be found who does.
    pub(crate) async fn locate(&self, doing: &str, key: &str, patience: &Patience) -> Result<Target> {
        let mut commands = Pipeline::new();
        commands.cmd("GET").arg(key);
        self.ask(doing, &commands, patience).await?.into_iter().try_for_each(|reply| reply.map(drop))?;
        let nobody =
            || self.connector.config.error(ErrorKind::StoreUnavailable, doing, "a slot has no owner");
        self.owner(slot_of(key.as_bytes())).map(Target::Node).ok_or_else(nobody)
    }

    /// Finds out who owns slots, by asking for a key of each that begins with `lead`.
    ///
    /// # Errors
    /// Of some slot, the owner does not answer.
    pub(crate) async fn survey(
        &self,
        doing: &str,
        lead: &str,
        mut slots: BTreeSet<u16>,
        patience: &Patience,
    ) -> Result<()> {
        let mut commands = Pipeline::with_capacity(slots.len());
        let mut number = 0_u64;
        while !slots.is_empty() {
            let key = format!("{lead}{number}");
            if slots.remove(&slot_of(key.as_bytes())) {
                commands.cmd("GET").arg(key);
            }
            number += 1;
        }
        match commands.is_empty() {
            true => Ok(()),
            false => {
                self.ask(doing, &commands, patience).await?.into_iter().try_for_each(|reply| reply.map(drop))
            }
        }
    }

    /// Returns all masters that may have any of the keys, and the version of that knowledge.
    ///
    /// # Errors
    /// Also when some slot has no owner.
    pub(crate) async fn holders(&self, doing: &str, keys: &Keys) -> Result<(Vec<Target>, u64)> {
        let patience = Patience::of_writer(&self.connector.config);
        if keys.are_in_one_slot() {
            let owner = self.locate(doing, &keys.cursor, &patience).await?;
            return Ok((vec![owner], self.map.lock().version()));
        }
        self.learn_now(None).await;
        // Where the map is not to be had, each slot is asked for.
        let unknown = self.map.lock().unknown();
        self.survey(doing, &keys.lead, unknown, &patience).await?;
        let map = self.map.lock();
        Ok((map.masters().into_iter().map(Target::Node).collect(), map.version()))
    }

    /// Returns the version of what is known now, after asking anew where that is permitted.
    pub(crate) async fn version_now(&self) -> u64 {
        self.learn_now(None).await;
        self.map.lock().version()
    }

    /// Asks for a key of each master: who cannot be reached is found out, and who has taken over.
    ///
    /// # Errors
    /// The first master that does not answer.
    pub(crate) async fn check(&self, doing: &str, lead: &str, patience: &Patience) -> Result<()> {
        if self.read_from == ReadFrom::Replica {
            // Nothing else tells of a replica that has come.
            self.learn(None).await;
        }
        let mut commands = Pipeline::new();
        {
            let map = self.map.lock();
            let mut masters = map.masters();
            // A prefix may hold all keys in one slot; then there is no second master to ask.
            for number in 0..64 * masters.len() {
                let key = format!("{lead}{number}");
                let slot = slot_of(key.as_bytes());
                if map.owner(slot).is_some_and(|owner| masters.remove(&owner.address)) {
                    commands.cmd("GET").arg(key);
                }
            }
        }
        match commands.is_empty() {
            true => Ok(()),
            false => {
                self.ask(doing, &commands, patience).await?.into_iter().try_for_each(|reply| reply.map(drop))
            }
        }
    }

    /// Returns where a command for that slot goes, and how it got to be that; nobody if that is not known.
    pub(crate) fn follow(&self, route: &Route, slot: u16) -> (Route, Option<Arc<Node>>) {
        let mut map = self.map.lock();
        match route {
            Route::Any => match map.owner(slot).and_then(|owner| self.replica(&map, owner, slot)) {
                Some(replica) => (Route::Any, Some(replica)),
                None => (Route::Owner, map.owner(slot).cloned()),
            },
            Route::Owner => (Route::Owner, map.owner(slot).cloned()),
            Route::NotTo(_) => (route.clone(), None),
            Route::Asking(address) => {
                let (node, is_news) = (map.node(&self.connector, address), map.imports(address));
                drop(map);
                if is_news {
                    self.tell_masters();
                }
                (route.clone(), Some(node))
            }
        }
    }

    /// Returns the replica that is to be asked for a slot of that master's, if any is.
    fn replica(&self, map: &SlotMap, master: &Node, slot: u16) -> Option<Arc<Node>> {
        let replicas = map.replicas(&master.address);
        match self.read_from == ReadFrom::Replica && !replicas.is_empty() {
            true => Some(replicas[slot as usize % replicas.len()].clone()),
            false => None,
        }
    }

    /// Returns a node that can be talked to: best one that is talked to already, otherwise the first to open.
    pub(crate) async fn somebody(&self, avoided: &[RedisAddress]) -> Result<Arc<Node>> {
        let nodes: Vec<Arc<Node>> = self.map.lock().nodes().cloned().collect();
        let (bad, good): (Vec<_>, Vec<_>) =
            nodes.into_iter().partition(|node| avoided.contains(&node.address));
        let nodes = if good.is_empty() { bad } else { good };
        if let Some(open) = nodes.iter().find(|node| node.link.is_open()) {
            return Ok(open.clone());
        }
        let opening =
            nodes.iter().map(|node| async move { node.link.connection().await.map(|_| node) }.boxed());
        select_ok(opening).await.map(|(node, _)| node.clone())
    }

    /// Takes note of who owns which slot now.
    pub(crate) async fn move_slots(&self, moved: &[(u16, RedisAddress)]) {
        let give = || {
            let mut map = self.map.lock();
            let mut news = false;
            for (slot, owner) in moved {
                let owner = map.node(&self.connector, owner);
                news |= map.give(*slot, &owner);
            }
            news
        };
        if !moved.is_empty() && give() {
            // Whoever was pointed at knows best; and where he does not, what was heard counts.
            self.learn(Some(&moved[0].1)).await;
            give();
            self.tell_masters();
        }
    }

    /// Takes note of who owns a slot.
    pub(crate) fn give(&self, slot: u16, owner: &RedisAddress) {
        let news = {
            let mut map = self.map.lock();
            let owner = map.node(&self.connector, owner);
            map.give(slot, &owner)
        };
        if news {
            self.tell_masters();
        }
    }

    /// Asks a node for the whole map, unless that was done a moment ago.
    async fn learn(&self, from: Option<&RedisAddress>) {
        let now = Clock::System.now();
        match &mut *self.learning.lock() {
            Learning::From(moment) if now >= *moment => *moment = now.after(LEARNING_INTERVAL),
            _ => return,
        }
        self.learn_now(from).await;
    }

    /// Asks a node for the whole map, if that is permitted.
    async fn learn_now(&self, from: Option<&RedisAddress>) {
        if matches!(*self.learning.lock(), Learning::Refused) {
            return;
        }
        let node = match from {
            Some(address) => self.map.lock().node(&self.connector, address),
            None => match self.somebody(&[]).await {
                Ok(node) => node,
                Err(_) => return,
            },
        };
        let mut commands = Pipeline::new();
        commands.cmd("CLUSTER").arg("SLOTS");
        let patience = self.connector.config.response_timeout;
        // A failure here shows wherever the map is needed.
        let Ok(replies) = node.exchange(LEARNING, &commands, patience).await else { return };
        match replies.first() {
            Some(Value::ServerError(e)) if e.code() == "NOPERM" => {
                log::info!("{}", self.connector.config.at(&node.address).refusal(LEARNING, e));
                *self.learning.lock() = Learning::Refused;
            }
            Some(reply) => {
                if let Some(ranges) = SlotRange::read_all(reply, &node.address) {
                    self.map.lock().replace(&self.connector, &ranges, &self.seeds);
                    self.tell_masters();
                }
            }
            None => {}
        }
    }

    fn tell_masters(&self) {
        let masters: Vec<Target> = self.map.lock().writable().into_iter().map(Target::Node).collect();
        self.masters.send_if_modified(|known| {
            let news = *known != masters;
            *known = masters;
            news
        });
    }
}
