use std::ops::ControlFlow;

use redis::{Pipeline, Value};

use super::client::Servers;
use super::config::{ReadFrom, RedisConfig};
use super::keys::Keys;
use super::net::Connector;
use super::net::Session;
use super::retry::Patience;
use crate::context_key::ContextHash;
use crate::error::{ErrorKind, Result};
use crate::membership::Membership;
use crate::store::StoreScanner;

/// How many keys a server is asked to look at in one step.
const KEYS: usize = 1000;
/// Where a walk through a server begins and ends, in the server's own terms.
const START: &[u8] = b"0";

pub(super) const WALKING: &str = "walking the store with SCAN";

/// Goes through one server after the other.
pub(super) struct Walk<'a> {
    servers: &'a Servers,
    keys: &'a Keys,
    left: Vec<Session>,
    position: Vec<u8>,
    /// Who owned what at the beginning.
    version: u64,
}

impl<'a> Walk<'a> {
    /// Finds out which servers there are.
    pub(super) fn begin(servers: &'a Servers, keys: &'a Keys) -> Result<Self> {
        let (targets, version) = pollster::block_on(servers.holders(WALKING, keys))?;
        let left = targets.into_iter().map(|target| Session::new(servers.connector().towards(target)));
        Ok(Self { servers, keys, left: left.collect(), position: START.to_vec(), version })
    }

    /// Takes a step; returns the contexts it met, each with whether it was met at its exclude key, or nothing when the
    /// walk is over.
    ///
    /// # Errors
    /// Also when slots of a cluster have changed hands meanwhile, for then contexts may have been missed.
    pub(super) fn step(&mut self) -> Result<Option<Vec<(ContextHash, bool)>>> {
        let Some(session) = self.left.last_mut() else {
            let changed = pollster::block_on(self.servers.version_now()) != self.version;
            let what = "slots have moved between nodes meanwhile, so keys may have been missed; walk again when \
                        that is over";
            return match changed {
                true => Err(self.servers.config().error(ErrorKind::StoreUnavailable, WALKING, what)),
                false => Ok(None),
            };
        };
        let mut commands = Pipeline::new();
        let pattern = self.keys.pattern();
        commands.cmd("SCAN").arg(&self.position).arg("MATCH").arg(pattern).arg("COUNT").arg(KEYS);
        let replies = session.exchange_all(WALKING, &commands)?;
        if let [Value::Array(step)] = &replies[..]
            && let [Value::BulkString(next), Value::Array(found)] = &step[..]
        {
            self.position = next.clone();
            let mut contexts: Vec<(ContextHash, bool)> = found
                .iter()
                .filter_map(|key| if let Value::BulkString(key) = key { self.keys.parse(key) } else { None })
                .collect();
            contexts.sort_unstable();
            contexts.dedup();
            if self.position == START {
                self.left.pop();
            }
            return Ok(Some(contexts));
        }
        Err(session.config().error(ErrorKind::StoreData, WALKING, "SCAN was answered with something odd"))
    }
}

/// Walks a store in Redis, with the commands `SCAN` and `SMEMBERS` (and `GET` in a cluster that does not permit `CLUSTER`).
///
/// A walk goes through all keys of the database, also those of others; in a cluster, through one master after the other.
/// It holds a page of contexts in memory and no more; so while others write, a context may be met twice, when a server
/// grows or shrinks its table, as `SCAN` has it.
pub struct RedisScanner {
    servers: Servers,
    keys: Keys,
}

impl RedisScanner {
    /// Prepares to walk.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when the machine refuses more threads.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let keys = Keys::new(&config.prefix);
        Ok(Self { servers: Servers::new(Connector::new(config)?, ReadFrom::Master), keys })
    }
}

impl StoreScanner for RedisScanner {
    /// Walks what is there while others go on writing.
    ///
    /// # Errors
    /// [`ErrorKind::StorePermission`](crate::ErrorKind::StorePermission) when the user may not `SCAN`;
    /// [`ErrorKind::StoreData`](crate::ErrorKind::StoreData) at the first key that the schema does not allow;
    /// [`ErrorKind::StoreUnavailable`](crate::ErrorKind::StoreUnavailable) also when slots of a cluster changed hands
    /// during the walk, so that contexts may have been missed.
    fn scan(&self, visit: &mut dyn FnMut(ContextHash, Membership) -> ControlFlow<()>) -> Result<()> {
        let config = self.servers.config();
        let patience = Patience::of_writer(config);
        let mut walk = Walk::begin(&self.servers, &self.keys)?;
        while let Some(found) = walk.step()? {
            let hashes: Vec<ContextHash> = found.iter().map(|(hash, _)| *hash).collect();
            if hashes.is_empty() {
                continue;
            }
            let replies = pollster::block_on(self.servers.ask(WALKING, &self.keys.read(&hashes), &patience))?;
            let memberships = self.keys.memberships(config, &hashes, &replies)?;
            for ((hash, at_exclude_key), membership) in found.into_iter().zip(memberships) {
                let membership = membership?;
                // A context with both keys is met at its include key. One that has gone meanwhile is not met.
                let met_elsewhere = at_exclude_key && !membership.included().is_empty();
                if !met_elsewhere && !membership.is_empty() && visit(hash, membership).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
