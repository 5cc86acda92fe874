//! Commands on their way through a cluster, until each has its reply or cannot get one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Cmd, Pipeline, ServerError, Value};

use super::client::Cluster;
use super::node::Node;
use super::request::{Errand, News, Route};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::config::RedisAddress;
use crate::store::redis::retry::Patience;

/// Redirections are followed at once, so often; from then on there are pauses, of so long at first and at most.
const ROUNDS_AT_ONCE: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// How often a command is sent that nodes pass on to one another.
const ROUNDS: u32 = 100;
/// How often a command fails before it is given up, however patient its sender is, if no node at all has answered.
const UNHEARD: u32 = 6;

/// Commands that were sent together, and what has been heard.
pub(crate) struct Delivery<'a> {
    cluster: &'a Cluster,
    doing: &'a str,
    patience: &'a Patience,
    errands: Vec<Errand<'a>>,
    /// Who was found to own a slot, and is not known to.
    moved: Vec<(u16, RedisAddress)>,
    /// Whether any node has replied, and whether any has replied that was fit to.
    is_heard: bool,
    is_alive: bool,
}

/// Commands that go to one node together.
struct Party {
    node: Arc<Node>,
    asking: bool,
    /// Whether nobody said that it is the node's business: if it answers, it is.
    is_guess: bool,
    members: Vec<usize>,
}

impl<'a> Delivery<'a> {
    /// Prepares to deliver commands, each with the slot of its key.
    pub(crate) fn new(
        cluster: &'a Cluster,
        doing: &'a str,
        patience: &'a Patience,
        commands: impl Iterator<Item = (&'a Cmd, u16)>,
    ) -> Self {
        let errands = commands.map(|(command, slot)| Errand::new(command, slot)).collect();
        Self { cluster, doing, patience, errands, moved: Vec::new(), is_heard: false, is_alive: false }
    }

    /// Goes round until there is nothing more to try; see [`Cluster::ask`].
    pub(crate) async fn run(mut self) -> Result<Vec<Result<Value>>> {
        let connector = &self.cluster.connector;
        let until = Clock::System.now().after(self.patience.whole);
        let mut pause = FIRST_PAUSE;
        for round in 1..=ROUNDS {
            let left = until.since(Clock::System.now());
            if left.is_zero() {
                break;
            }
            let (doing, reply) = (self.doing, self.patience.reply.min(left));
            let calls = self.parties().await.into_iter().map(|party| {
                let commands = party.commands(&self.errands);
                async move { (party.node.exchange(doing, &commands, reply).await, party) }
            });
            for (replies, party) in join_all(calls).await {
                self.hear(replies, &party);
            }
            self.cluster.move_slots(&std::mem::take(&mut self.moved)).await;
            if self.errands.iter().all(|errand| self.is_over(errand)) {
                break;
            }
            if round >= ROUNDS_AT_ONCE {
                connector.pause(pause.min(until.since(Clock::System.now()))).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
        let never =
            || connector.config.error(ErrorKind::StoreTimeout, self.doing, "there was no time for it");
        let outcomes: Vec<_> = self.errands.into_iter().map(|errand| errand.into_outcome(never)).collect();
        match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
            Some(e) if !self.is_alive => Err(e.clone()),
            _ => Ok(outcomes),
        }
    }

    fn is_over(&self, errand: &Errand<'_>) -> bool {
        errand.is_done() || !self.is_heard && errand.failures >= UNHEARD
    }

    /// Groups what is not done yet by the node it goes to now. What finds none has failed.
    async fn parties(&mut self) -> Vec<Party> {
        let mut routed: Vec<(usize, Option<Arc<Node>>)> = Vec::with_capacity(self.errands.len());
        let mut avoided = Vec::new();
        for (n, errand) in self.errands.iter_mut().enumerate().filter(|(_, errand)| !errand.is_done()) {
            let (route, node) = self.cluster.follow(&errand.route, errand.slot);
            if let Route::NotTo(address) = &route {
                avoided.push(address.clone());
            }
            errand.route = route;
            routed.push((n, node));
        }
        let stand_in = match routed.iter().any(|(_, node)| node.is_none()) {
            true => self.cluster.somebody(&avoided).await,
            false => Err(Error::new(ErrorKind::Internal, "nobody needs a stand-in")),
        };
        let mut parties: BTreeMap<(RedisAddress, bool, bool), Party> = BTreeMap::new();
        for (n, node) in routed {
            let is_guess = node.is_none();
            let asking = matches!(self.errands[n].route, Route::Asking(_));
            match node.map_or_else(|| stand_in.clone(), Ok) {
                Err(e) => self.errands[n].fail(e, None, self.patience),
                Ok(node) => {
                    let place = (node.address.clone(), asking, is_guess);
                    let party = Party { node, asking, is_guess, members: Vec::new() };
                    parties.entry(place).or_insert(party).members.push(n);
                }
            }
        }
        parties.into_values().collect()
    }

    /// Takes in what a node replied, or that it did not.
    fn hear(&mut self, replies: Result<Vec<Value>>, party: &Party) {
        let address = &party.node.address;
        let site = self.cluster.connector.config.at(address);
        let mut replies = match replies {
            Ok(replies) => replies.into_iter(),
            Err(e) => {
                let fail = |n: &usize| self.errands[*n].fail(e.clone(), Some(address), self.patience);
                return party.members.iter().for_each(fail);
            }
        };
        self.is_heard = true;
        let refusal = |e: &ServerError| match party.asking {
            true => site.refusal(&format!("{}, whose slot is being moved", self.doing), e),
            false => site.refusal(self.doing, e),
        };
        for n in &party.members {
            let permit = if party.asking { replies.next() } else { None };
            let reply = match (permit, replies.next().unwrap_or_default()) {
                (Some(refused @ Value::ServerError(_)), _) => refused,
                (_, reply) => reply,
            };
            let errand = &mut self.errands[*n];
            let news = errand.hear(reply, address, refusal, self.patience);
            self.is_alive |= news != News::Nothing;
            match news {
                News::Moved(owner) => self.moved.push((errand.slot, owner)),
                News::Answer if party.is_guess => self.moved.push((errand.slot, address.clone())),
                News::Answer | News::SentOn | News::Nothing => {}
            }
        }
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
