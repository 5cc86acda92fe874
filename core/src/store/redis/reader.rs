use std::sync::Arc;

use redis::Pipeline;

use super::client::Servers;
use super::config::RedisConfig;
use super::keys::Keys;
use super::net::Connector;
use super::replies::text;
use super::retry::Patience;
use super::tracking::Push;
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::membership::Membership;
use crate::runtime::BoxFuture;
use crate::store::{ChangeObserver, Limitation, Metadata, StoreReader, parse_synchronized_on};

const READING: &str = "reading memberships";
const READING_METADATA: &str = "reading the sync time";
const CHECKING: &str = "asking every master of the cluster";

/// Reads a store in Redis, with no commands but `GET` and `SMEMBERS` (and `AUTH`, `SELECT` where the config says so; of a
/// cluster also `PING`, and `CLUSTER`, `ASKING`, `READONLY` where they are permitted).
///
/// Nothing connects until it is asked. All callers share one connection to each server, which is replaced when it is
/// lost: the call that finds out fails, the next one connects anew.
pub struct RedisReader {
    servers: Servers,
    keys: Keys,
    push: Push,
}

impl RedisReader {
    /// Prepares to read.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when the machine refuses more threads.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let (keys, read_from) = (Keys::new(&config.prefix), config.read_from);
        Ok(Self { servers: Servers::new(Connector::new(config)?, read_from), keys, push: Push::default() })
    }

    /// Reads both sets of every context in one round trip.
    async fn read(&self, hashes: &[ContextHash]) -> Result<Vec<Result<Membership>>> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let config = self.servers.config();
        let patience = Patience::of_reader(config);
        let replies = self.servers.ask(READING, &self.keys.read(hashes), &patience).await?;
        self.keys.memberships(config, hashes, &replies)
    }

    /// Reads the sync time; of a cluster, only if all of it is there, for otherwise the store is not available.
    async fn read_metadata(&self) -> Result<Metadata> {
        let config = self.servers.config();
        let patience = Patience::of_reader(config);
        let mut commands = Pipeline::new();
        commands.cmd("GET").arg(&self.keys.synchronized_on);
        let replies = self.servers.ask(READING_METADATA, &commands, &patience).await?;
        self.servers.check(CHECKING, &self.keys.lead, &patience).await?;
        let text = text(config, READING_METADATA, replies.into_iter().next().transpose()?.as_ref())?;
        let at = format!("Redis at {}: {}", config.place(), self.keys.synchronized_on);
        let synchronized_on = parse_synchronized_on(text.as_deref()).map_err(|e| e.at(at))?;
        Ok(Metadata { synchronized_on })
    }
}

impl StoreReader for RedisReader {
    fn memberships<'a>(
        &'a self,
        hashes: &'a [ContextHash],
    ) -> BoxFuture<'a, Result<Vec<Result<Membership>>>> {
        Box::pin(self.read(hashes))
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(self.read_metadata())
    }

    fn follow_changes(&self, observer: Arc<dyn ChangeObserver>) -> Option<BoxFuture<'_, ()>> {
        Some(Box::pin(self.push.follow(&self.servers, &self.keys, observer)))
    }

    fn limitations(&self) -> Vec<Limitation> {
        self.push.limitation().into_iter().collect()
    }
}
