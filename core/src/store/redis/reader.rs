use std::sync::Arc;

use redis::{Pipeline, Value};

use super::config::RedisConfig;
use super::connector::Connector;
use super::errand::Patience;
use super::keys::Keys;
use super::push::Push;
use super::servers::Servers;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::runtime::BoxFuture;
use crate::segment_ref::SegmentRef;
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
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
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

impl Keys {
    /// Makes the commands that [`Keys::memberships`] reads the replies of.
    pub(super) fn read(&self, hashes: &[ContextHash]) -> Pipeline {
        let mut commands = Pipeline::with_capacity(2 * hashes.len());
        for hash in hashes {
            commands.cmd("SMEMBERS").arg(self.include(*hash));
            commands.cmd("SMEMBERS").arg(self.exclude(*hash));
        }
        commands
    }

    /// Reads two replies for each context. A context fails alone if its keys hold what the schema does not allow, or if
    /// the node of a cluster that has one of them does not answer; any other error is the server's and fails all.
    pub(super) fn memberships(
        &self,
        config: &RedisConfig,
        hashes: &[ContextHash],
        replies: &[Result<Value>],
    ) -> Result<Vec<Result<Membership>>> {
        let mut memberships = Vec::with_capacity(hashes.len());
        for (hash, pair) in hashes.iter().zip(replies.chunks_exact(2)) {
            memberships.push(match (&pair[0], &pair[1]) {
                (Err(e), _) | (_, Err(e)) => Err(e.clone()),
                (Ok(included), Ok(excluded)) => {
                    let included = refs(config, || self.include(*hash), included);
                    match (included, refs(config, || self.exclude(*hash), excluded)) {
                        (Ok(included), Ok(excluded)) => Ok(Membership::new(included, excluded)),
                        (Err(e), _) | (_, Err(e)) if e.kind() == ErrorKind::StoreData => Err(e),
                        (Err(e), _) | (_, Err(e)) => return Err(e),
                    }
                }
            });
        }
        Ok(memberships)
    }
}

fn refs(config: &RedisConfig, key: impl Fn() -> String, reply: &Value) -> Result<Vec<SegmentRef>> {
    let wrong = |what: &str| config.error(ErrorKind::StoreData, READING, &format!("{} {what}", key()));
    let members = match reply {
        Value::Array(members) | Value::Set(members) => members,
        Value::ServerError(e) => return Err(config.refusal(&format!("{READING} ({})", key()), e)),
        _ => return Err(wrong("was answered with something else than a set")),
    };
    members
        .iter()
        .map(|member| match member {
            Value::BulkString(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(SegmentRef::from_store(text)),
                Err(_) => Err(wrong("has a member that is not UTF-8; whatever writes there must be mended")),
            },
            _ => Err(wrong("has a member that is not text")),
        })
        .collect()
}

/// Reads the reply to `GET`.
pub(super) fn text(config: &RedisConfig, doing: &str, reply: Option<&Value>) -> Result<Option<String>> {
    match reply {
        Some(Value::Nil) => Ok(None),
        Some(Value::BulkString(bytes)) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
        Some(Value::ServerError(e)) => Err(config.refusal(doing, e)),
        _ => Err(Error::new(
            ErrorKind::StoreData,
            format!("Redis at {}: {doing}: no text came", config.place()),
        )),
    }
}
