use std::ops::ControlFlow;

use redis::{Pipeline, Value};

use super::config::RedisConfig;
use super::connector::Connector;
use super::keys::Keys;
use super::session::Session;
use crate::context_key::ContextHash;
use crate::error::{ErrorKind, Result};
use crate::membership::Membership;
use crate::store::StoreScanner;

/// How many keys the server is asked to look at in one step.
const KEYS: usize = 1000;

const WALKING: &str = "walking the store with SCAN";

/// Walks a store in Redis, with the commands `SCAN` and `SMEMBERS`.
///
/// A walk goes through all keys of the database, also those of others. It holds a page of contexts in memory and no
/// more; so while others write, a context may be met twice, when the server grows or shrinks its table, as `SCAN` has it.
pub struct RedisScanner {
    connector: Connector,
    keys: Keys,
}

impl RedisScanner {
    /// Prepares to walk.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let keys = Keys::new(&config.prefix);
        Ok(Self { connector: Connector::new(config)?, keys })
    }
}

impl StoreScanner for RedisScanner {
    /// Walks what is there while others go on writing.
    ///
    /// # Errors
    /// [`ErrorKind::StorePermission`] when the user may not `SCAN`; [`ErrorKind::StoreData`] at the first key that the
    /// schema does not allow.
    fn scan(&self, visit: &mut dyn FnMut(ContextHash, Membership) -> ControlFlow<()>) -> Result<()> {
        let mut session = Session::new(self.connector.clone());
        let mut position = None;
        while let Some((next, found)) = step(&mut session, &self.keys, position)? {
            let hashes: Vec<ContextHash> = found.iter().map(|(hash, _)| *hash).collect();
            if !hashes.is_empty() {
                let replies = session.exchange(WALKING, &self.keys.read(&hashes))?;
                let replies: Vec<_> = replies.into_iter().map(Ok).collect();
                let memberships = self.keys.memberships(session.config(), &hashes, &replies)?;
                for ((hash, at_exclude_key), membership) in found.into_iter().zip(memberships) {
                    let membership = membership?;
                    // A context with both keys is met at its include key. One that has gone meanwhile is not met.
                    let met_elsewhere = at_exclude_key && !membership.included().is_empty();
                    if !met_elsewhere && !membership.is_empty() && visit(hash, membership).is_break() {
                        return Ok(());
                    }
                }
            }
            position = Some(next);
        }
        Ok(())
    }
}

/// Where a walk stands, in the server's own terms.
type Position = Vec<u8>;

/// A step of a walk: where it leads, and the contexts it met, each with whether it was met at its exclude key.
type Step = (Position, Vec<(ContextHash, bool)>);

/// Takes a step of a walk, from the beginning for `None`; returns nothing when the walk is over.
pub(super) fn step(session: &mut Session, keys: &Keys, from: Option<Position>) -> Result<Option<Step>> {
    const START: &[u8] = b"0";
    if from.as_deref() == Some(START) {
        return Ok(None);
    }
    let mut commands = Pipeline::new();
    let from = from.unwrap_or(START.to_vec());
    commands.cmd("SCAN").arg(from).arg("MATCH").arg(keys.pattern()).arg("COUNT").arg(KEYS);
    let replies = session.exchange_all(WALKING, &commands)?;
    if let [Value::Array(step)] = &replies[..]
        && let [Value::BulkString(next), Value::Array(found)] = &step[..]
    {
        let mut contexts: Vec<(ContextHash, bool)> = found
            .iter()
            .filter_map(|key| if let Value::BulkString(key) = key { keys.parse(key) } else { None })
            .collect();
        contexts.sort_unstable();
        contexts.dedup();
        return Ok(Some((next.clone(), contexts)));
    }
    Err(session.config().error(ErrorKind::StoreData, WALKING, "SCAN was answered with something odd"))
}
