//! Scans all contexts of a store, server by server.

use std::ops::ControlFlow;

use redis::{Pipeline, Value};

use super::client::RedisClient;
use super::config::{ReadFrom, RedisConfig};
use super::keys::{Keys, MembershipSet};
use super::net::{Connector, ExclusiveConnection};
use super::replies::decode_memberships;
use super::retry::RetryBudget;
use crate::context_key::ContextHash;
use crate::error::{ErrorKind, Result};
use crate::membership::Membership;
use crate::store::StoreScanner;

/// How many keys a server examines in one step.
const KEYS_PER_STEP: usize = 1000;
/// The position of `SCAN` at which a server begins and ends.
const START: &[u8] = b"0";

const SCANNING: &str = "scanning the store with SCAN";

/// Scans a store in Redis, with the commands `SCAN` and `SMEMBERS`.
///
/// `GET` is added in a cluster where the user lacks the permission `CLUSTER`. A scan examines all
/// keys of the database, also those of other programs; in a cluster, one master after the other. It
/// holds one page of contexts in memory.
///
/// While others write, a context may be visited twice: `SCAN` repeats keys when a server resizes
/// its table.
pub struct RedisScanner {
    client: RedisClient,
    keys: Keys,
}

impl RedisScanner {
    /// Creates a scanner, which does not connect yet.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the operating system refuses more
    /// threads.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let keys = Keys::new(&config.prefix);
        Ok(Self { client: RedisClient::new(Connector::new(config)?, ReadFrom::Master), keys })
    }
}

impl StoreScanner for RedisScanner {
    /// Scans the store while others may write.
    ///
    /// # Errors
    /// [`ErrorKind::StorePermission`](crate::ErrorKind::StorePermission) if the user lacks the
    /// permission `SCAN`; [`ErrorKind::StoreData`](crate::ErrorKind::StoreData) at the first key
    /// that violates the schema;
    /// [`ErrorKind::StoreUnavailable`](crate::ErrorKind::StoreUnavailable) also if slots of a
    /// cluster moved during the scan, so that contexts may have been missed.
    fn scan(&self, visit: &mut dyn FnMut(ContextHash, Membership) -> ControlFlow<()>) -> Result<()> {
        let config = self.client.config();
        let budget = RetryBudget::for_writer(config);
        let mut scan = KeyScan::start(&self.client, &self.keys)?;
        while let Some(found) = scan.next_page()? {
            let hashes: Vec<ContextHash> = found.iter().map(|(hash, _)| *hash).collect();
            if hashes.is_empty() {
                continue;
            }
            let commands = self.keys.membership_commands(&hashes);
            let replies = pollster::block_on(self.client.execute(SCANNING, &commands, &budget))?;
            let memberships = decode_memberships(config, &self.keys, &hashes, &replies)?;
            for ((hash, set), membership) in found.into_iter().zip(memberships) {
                let membership = membership?;
                // A context with both keys is visited at its include key. One that was deleted
                // meanwhile is not visited.
                let is_visited_at_include =
                    set == MembershipSet::Exclude && !membership.included().is_empty();
                if !is_visited_at_include && !membership.is_empty() && visit(hash, membership).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// A scan through the include and exclude keys of all servers.
pub(super) struct KeyScan<'a> {
    client: &'a RedisClient,
    keys: &'a Keys,
    /// The servers that are not finished. The last one is scanned next.
    servers: Vec<ExclusiveConnection>,
    position: Vec<u8>,
    /// The version of the slot map at the start.
    version: u64,
}

impl<'a> KeyScan<'a> {
    /// Finds the servers to scan.
    pub(super) fn start(client: &'a RedisClient, keys: &'a Keys) -> Result<Self> {
        let (targets, version) = pollster::block_on(client.key_holders(SCANNING, keys))?;
        let connect = |target| ExclusiveConnection::new(client.connector().with_target(target));
        let servers = targets.into_iter().map(connect).collect();
        Ok(Self { client, keys, servers, position: START.to_vec(), version })
    }

    /// Returns the keys of the next step: contexts, and the set in which each was found. Returns
    /// `None` at the end.
    ///
    /// # Errors
    /// Also if slots of a cluster have moved during the scan, because keys may have been missed.
    pub(super) fn next_page(&mut self) -> Result<Option<Vec<(ContextHash, MembershipSet)>>> {
        let Some(server) = self.servers.last_mut() else {
            self.check_version()?;
            return Ok(None);
        };
        let mut commands = Pipeline::new();
        let pattern = self.keys.scan_pattern();
        commands.cmd("SCAN").arg(&self.position).arg("MATCH").arg(pattern).arg("COUNT").arg(KEYS_PER_STEP);
        let replies = pollster::block_on(server.execute_checked(SCANNING, &commands))?;
        let Some((next, found)) = decode_scan(&replies) else {
            let message = "unexpected reply to SCAN";
            return Err(server.config().error(ErrorKind::StoreData, SCANNING, message));
        };
        self.position = next.to_vec();
        if self.position == START {
            self.servers.pop();
        }
        let mut contexts = Vec::new();
        for key in found {
            if let Value::BulkString(key) = key {
                contexts.extend(self.keys.parse(key));
            }
        }
        contexts.sort_unstable();
        contexts.dedup();
        Ok(Some(contexts))
    }

    fn check_version(&self) -> Result<()> {
        if pollster::block_on(self.client.slot_map_version()) == self.version {
            return Ok(());
        }
        let message = "slots moved between nodes during the scan, so keys may have been missed; scan again when the \
                       cluster is stable";
        Err(self.client.config().error(ErrorKind::StoreUnavailable, SCANNING, message))
    }
}

/// Decodes the reply to `SCAN`: the next position, and keys.
fn decode_scan(replies: &[Value]) -> Option<(&[u8], &[Value])> {
    let [Value::Array(step)] = replies else { return None };
    let [Value::BulkString(next), Value::Array(found)] = &step[..] else { return None };
    Some((next, found))
}
