//! A cluster: finds the node that has a key, and follows where the nodes point.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join_all, select_ok};
use parking_lot::Mutex;
use redis::{Pipeline, ServerError, Value};
use tokio::sync::watch;

use super::config::{ReadFrom, RedisAddress};
use super::connector::{Connector, Target};
use super::errand::{Errand, News, Patience, Route};
use super::keys::Keys;
use super::node::Node;
use super::slots::{SlotMap, SlotRange, slot_of};
use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};

/// How often the whole map is learned anew, at most: while slots are being moved, every reply points elsewhere.
const LEARNING_INTERVAL: Duration = Duration::from_millis(250);
/// Redirections are followed at once, so often; from then on there are pauses, of so long at first and at most.
const ROUNDS_AT_ONCE: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// How often a command is sent that nodes pass on to one another.
const ROUNDS: u32 = 100;
/// How often a command fails before it is given up, however patient its sender is, if no node at all has answered.
const UNHEARD: u32 = 6;

const LEARNING: &str = "asking who owns which slot";

/// The nodes as they are known, each with one connection for all.
pub(super) struct Cluster {
    connector: Connector,
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

/// Commands that go to one node together.
struct Party {
    node: Arc<Node>,
    asking: bool,
    /// Whether nobody said that it is the node's business: if it answers, it is.
    is_guess: bool,
    members: Vec<usize>,
}

impl Cluster {
    /// Prepares to talk to the cluster that these nodes are of.
    pub(super) fn new(connector: Connector, seeds: &[RedisAddress], read_from: ReadFrom) -> Self {
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
    pub(super) fn masters(&self) -> watch::Receiver<Vec<Target>> {
        self.masters.subscribe()
    }

    /// Returns the master that owns a slot, if that is known.
    pub(super) fn owner(&self, slot: u16) -> Option<RedisAddress> {
        self.map.lock().owner(slot).map(|node| node.address.clone())
    }

    /// Sends commands, all of which name their key first, to wherever their keys are; returns their replies in order.
    ///
    /// # Errors
    /// The outer error means that no node of the cluster answered, an inner one that the one with this key did not.
    pub(super) async fn ask(
        &self,
        doing: &str,
        commands: &Pipeline,
        patience: &Patience,
    ) -> Result<Vec<Result<Value>>> {
        let until = Clock::System.now().after(patience.whole);
        let mut errands: Vec<Errand> = commands.cmd_iter().map(Errand::new).collect();
        if errands.iter().any(|errand| self.owner(errand.slot).is_none()) {
            self.learn(None).await;
        }
        let (mut is_alive, mut is_heard, mut pause) = (false, false, FIRST_PAUSE);
        for round in 1..=ROUNDS {
            let left = until.since(Clock::System.now());
            if left.is_zero() {
                break;
            }
            let reply = patience.reply.min(left);
            let calls = self.parties(&mut errands, patience).await.into_iter().map(|party| {
                let commands = party.commands(&errands);
                async move { (party.node.exchange(doing, &commands, reply).await, party) }
            });
            let mut moved = Vec::new();
            for (replies, party) in join_all(calls).await {
                let address = &party.node.address;
                let site = self.connector.config.at(address);
                match replies {
                    Err(e) => party
                        .members
                        .iter()
                        .for_each(|n| errands[*n].fail(e.clone(), Some(address), patience)),
                    Ok(replies) => {
                        is_heard = true;
                        let mut replies = replies.into_iter();
                        for n in &party.members {
                            let permit = if party.asking { replies.next() } else { None };
                            let reply = match (permit, replies.next().unwrap_or_default()) {
                                (Some(refused @ Value::ServerError(_)), _) => refused,
                                (_, reply) => reply,
                            };
                            let refusal = |e: &ServerError| match party.asking {
                                true => site.refusal(&format!("{doing}, whose slot is being moved"), e),
                                false => site.refusal(doing, e),
                            };
                            let news = errands[*n].hear(reply, address, refusal, patience);
                            is_alive |= news != News::Nothing;
                            match news {
                                News::Moved(owner) => moved.push((errands[*n].slot, owner)),
                                News::Answer if party.is_guess => {
                                    moved.push((errands[*n].slot, address.clone()))
                                }
                                _ => {}
                            }
                        }
                    }
                }
            }
            self.move_slots(&moved).await;
            let is_over = |errand: &Errand| errand.is_done() || !is_heard && errand.failures >= UNHEARD;
            if errands.iter().all(is_over) {
                break;
            }
            if round >= ROUNDS_AT_ONCE {
                self.connector.pause(pause.min(until.since(Clock::System.now()))).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
        let never =
            || self.connector.config.error(ErrorKind::StoreTimeout, doing, "there was no time for it");
        let outcomes: Vec<_> = errands.into_iter().map(|errand| errand.into_outcome(never)).collect();
        match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
            Some(e) if !is_alive => Err(e.clone()),
            _ => Ok(outcomes),
        }
    }

    /// Makes sure who owns a key, which holds text if anything, and returns whom to talk to about it.
    ///
    /// # Errors
    /// Nobody could be found who does.
    pub(super) async fn locate(&self, doing: &str, key: &str, patience: &Patience) -> Result<Target> {
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
    pub(super) async fn survey(
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
    pub(super) async fn holders(&self, doing: &str, keys: &Keys) -> Result<(Vec<Target>, u64)> {
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
    pub(super) async fn version_now(&self) -> u64 {
        self.learn_now(None).await;
        self.map.lock().version()
    }

    /// Asks for a key of each master: who cannot be reached is found out, and who has taken over.
    ///
    /// # Errors
    /// The first master that does not answer.
    pub(super) async fn check(&self, doing: &str, lead: &str, patience: &Patience) -> Result<()> {
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

    /// Groups what is not done yet by the node it goes to now. What finds none has failed.
    async fn parties(&self, errands: &mut [Errand<'_>], patience: &Patience) -> Vec<Party> {
        let mut routed: Vec<(usize, bool, Option<Arc<Node>>)> = Vec::with_capacity(errands.len());
        let mut avoided = Vec::new();
        {
            let mut map = self.map.lock();
            for (n, errand) in errands.iter_mut().enumerate().filter(|(_, errand)| !errand.is_done()) {
                let owner = map.owner(errand.slot);
                let replica = owner.and_then(|owner| self.replica(&map, owner, errand.slot));
                if errand.route == Route::Any && replica.is_none() {
                    errand.route = Route::Owner;
                }
                let (asking, node) = match &errand.route {
                    Route::Any => (false, replica),
                    Route::Owner => (false, owner.cloned()),
                    Route::NotTo(address) => {
                        avoided.push(address.clone());
                        (false, None)
                    }
                    Route::Asking(address) => (true, Some(map.node(&self.connector, address))),
                };
                routed.push((n, asking, node));
            }
        }
        let stand_in = match routed.iter().any(|(_, _, node)| node.is_none()) {
            true => self.somebody(&avoided).await,
            false => Err(Error::new(ErrorKind::Internal, "nobody needs a stand-in")),
        };
        let mut parties: BTreeMap<(RedisAddress, bool, bool), Party> = BTreeMap::new();
        for (n, asking, node) in routed {
            let is_guess = node.is_none();
            match node.map_or_else(|| stand_in.clone(), Ok) {
                Err(e) => errands[n].fail(e, None, patience),
                Ok(node) => {
                    let place = (node.address.clone(), asking, is_guess);
                    let party = parties.entry(place).or_insert_with(|| Party {
                        node,
                        asking,
                        is_guess,
                        members: Vec::new(),
                    });
                    party.members.push(n);
                }
            }
        }
        parties.into_values().collect()
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
    async fn somebody(&self, avoided: &[RedisAddress]) -> Result<Arc<Node>> {
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
    async fn move_slots(&self, moved: &[(u16, RedisAddress)]) {
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
    pub(super) fn give(&self, slot: u16, owner: &RedisAddress) {
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
        let masters: Vec<Target> = self.map.lock().masters().into_iter().map(Target::Node).collect();
        self.masters.send_if_modified(|known| {
            let news = *known != masters;
            *known = masters;
            news
        });
    }
}

impl Party {
    fn commands(&self, errands: &[Errand<'_>]) -> Pipeline {
        let mut commands = Pipeline::with_capacity(self.members.len());
        for n in &self.members {
            if self.asking {
                commands.cmd("ASKING");
            }
            commands.add_command(errands[*n].command.clone());
        }
        commands
    }
}
