use std::sync::Arc;

use redis::Pipeline;

use super::client::RedisClient;
use super::config::RedisConfig;
use super::keys::Keys;
use super::net::Connector;
use super::replies::{READING_MEMBERSHIPS, READING_SYNC_TIME, decode_memberships, decode_string};
use super::retry::RetryBudget;
use super::tracking::PushSubscriber;
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::runtime::BoxFuture;
use crate::store::{BatchResult, ChangeListener, Limitation, Metadata, StoreReader, parse_synchronized_on};

const CHECKING_MASTERS: &str = "checking every master of the cluster";

/// Reads a store in Redis, with the commands `GET` and `SMEMBERS` only.
///
/// `AUTH` and `SELECT` are added if the configuration requires them. In a cluster, so are `PING`,
/// and with the permission `CLUSTER`, `ASKING` and `READONLY`.
///
/// The reader connects on the first use. All callers share one connection to each server. A lost
/// connection is replaced: the call that finds it broken fails, and the next call connects again.
pub struct RedisReader {
    client: RedisClient,
    keys: Keys,
    subscriber: PushSubscriber,
}

impl RedisReader {
    /// Creates a reader, which does not connect yet.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the operating system refuses more
    /// threads.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let keys = Keys::new(&config.prefix);
        let read_from = config.read_from;
        let client = RedisClient::new(Connector::new(config)?, read_from);
        Ok(Self { client, keys, subscriber: PushSubscriber::default() })
    }

    /// Reads both sets of every context in one round trip.
    async fn read(&self, hashes: &[ContextHash]) -> Result<BatchResult> {
        if hashes.is_empty() {
            return BatchResult::new(hashes, Vec::new());
        }
        let config = self.client.config();
        let budget = RetryBudget::for_reader(config);
        let commands = self.keys.membership_commands(hashes);
        let replies = self.client.execute(READING_MEMBERSHIPS, &commands, &budget).await?;
        decode_memberships(config, &self.keys, hashes, &replies)
    }

    /// Reads the sync time. A cluster is available only if all of its masters are.
    async fn read_metadata(&self) -> Result<Metadata> {
        let config = self.client.config();
        let budget = RetryBudget::for_reader(config);
        let mut commands = Pipeline::new();
        commands.cmd("GET").arg(&self.keys.synchronized_on);
        let replies = self.client.execute(READING_SYNC_TIME, &commands, &budget).await?;
        self.client.check_masters(CHECKING_MASTERS, &self.keys.prefix, &budget).await?;
        let reply = replies.into_iter().next().transpose()?;
        let text = decode_string(config, READING_SYNC_TIME, reply.as_ref())?;
        let location = format!("Redis at {}: {}", config.describe_servers(), self.keys.synchronized_on);
        let synchronized_on = parse_synchronized_on(text.as_deref()).map_err(|e| e.at(location))?;
        Ok(Metadata { synchronized_on })
    }
}

impl StoreReader for RedisReader {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        Box::pin(self.read(hashes))
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(self.read_metadata())
    }

    fn subscribe(&self, listener: Arc<dyn ChangeListener>) -> Option<BoxFuture<'_, ()>> {
        Some(Box::pin(self.subscriber.run(&self.client, &self.keys, listener)))
    }

    fn limitations(&self) -> Vec<Limitation> {
        self.subscriber.limitation().into_iter().collect()
    }
}
