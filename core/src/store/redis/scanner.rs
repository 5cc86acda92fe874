use std::ops::ControlFlow;

use super::config::{ReadFrom, RedisConfig};
use super::connector::Connector;
use super::errand::Patience;
use super::keys::Keys;
use super::servers::Servers;
use super::walk::{WALKING, Walk};
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::membership::Membership;
use crate::store::StoreScanner;

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
