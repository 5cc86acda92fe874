//! A walk through all keys of a store, server by server.

use redis::{Pipeline, Value};

use super::keys::Keys;
use super::servers::Servers;
use super::session::Session;
use crate::context_key::ContextHash;
use crate::error::{ErrorKind, Result};

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
