//! Makes connections: to one server, to a node of a cluster, or to whichever server is the master at that moment.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, PushInfo, Value};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::handshake::Door;
use super::sentinel::{self, Role};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{BoxFuture, ForkGeneration, Runtime};
use crate::store::redis::config::{RedisAddress, RedisConfig, RedisServers};

/// An attempt to connect; clones share its outcome.
pub(crate) type Attempt = Shared<BoxFuture<'static, Result<Connection>>>;

/// Whom to connect to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Target {
    /// That server.
    Server(RedisAddress),
    /// A master of a cluster.
    Node(RedisAddress),
    /// A replica of a cluster, to be read from.
    ReplicaNode(RedisAddress),
    /// Whichever server the sentinels name at that moment.
    Named(Role),
}

/// Makes connections to its target. The library's timers and tasks need our runtime around them, so connecting is a task
/// of it, whatever thread or executor asks.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) config: Arc<RedisConfig>,
    target: Target,
    runtime: Arc<Runtime>,
    process: ForkGeneration,
}

impl Connector {
    /// Makes one for the server that may be written: the one there is, the sentinels' master, a cluster's first node.
    pub(crate) fn new(config: RedisConfig) -> Result<Self> {
        let process = ForkGeneration::current();
        let target = match &config.servers {
            RedisServers::One(address) => Target::Server(address.clone()),
            RedisServers::Sentinel(_) => Target::Named(Role::Master),
            RedisServers::Cluster(nodes) => {
                let none = || Error::new(ErrorKind::InvalidConfig, "a cluster needs at least one address");
                Target::Node(nodes.first().ok_or_else(none)?.clone())
            }
        };
        Ok(Self { config: Arc::new(config), target, runtime: Runtime::shared()?, process })
    }

    /// Makes one for another of the servers.
    pub(crate) fn towards(&self, target: Target) -> Self {
        Self { target, ..self.clone() }
    }

    /// Returns whom it connects to.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Starts to connect, in a task of `tasks`; `settled` hears the outcome before anybody else.
    pub(crate) fn connect(
        &self,
        tasks: &mut JoinSet<()>,
        settled: impl FnOnce(&Result<Connection>) + Send + 'static,
    ) -> Attempt {
        let (sender, receiver) = oneshot::channel();
        let (connector, runtime) = (self.clone(), self.runtime.clone());
        while tasks.try_join_next().is_some() {}
        self.runtime.spawn_in(tasks, async move {
            let opened = connector.target.open(&connector.config).await;
            let outcome =
                opened.map(|(redis, address)| Connection::new(redis, address, connector.config, runtime));
            settled(&outcome);
            // Fails when nobody waits any more.
            let _ = sender.send(outcome);
        });
        let given_up = || Err(Error::new(ErrorKind::Closed, "the store was closed while it was connecting"));
        receiver.map(move |outcome| outcome.unwrap_or_else(|_| given_up())).boxed().shared()
    }

    /// Connects with RESP3, for a connection on which the server may speak unasked. To be awaited on our runtime.
    pub(crate) async fn listen(&self, hear: impl Fn(PushInfo) + Send + Sync + 'static) -> Result<Connection> {
        let (config, runtime) = (self.config.clone(), self.runtime.clone());
        let address = match &self.target {
            Target::Named(role) => sentinel::open(&config, *role).await?.1,
            Target::Server(address) | Target::Node(address) | Target::ReplicaNode(address) => address.clone(),
        };
        let door =
            Door { config: &config, address: &address, login: &config.login, greeting: Pipeline::new() };
        let redis = door.enter_listening(hear).await?;
        Ok(Connection::new(redis, address, config, runtime))
    }

    /// Starts a task as a member of a set.
    pub(crate) fn spawn_in(&self, tasks: &mut JoinSet<()>, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn_in(tasks, task);
    }

    /// Fails in a child process: neither threads nor sockets survive `fork`.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.process.check()
    }

    /// Waits; may be awaited on any executor.
    pub(crate) fn pause(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.runtime.sleep_until(&Clock::System, Clock::System.now().after(duration))
    }
}

impl Target {
    /// Connects, and says to whom.
    async fn open(&self, config: &RedisConfig) -> Result<(MultiplexedConnection, RedisAddress)> {
        let mut greeting = Pipeline::new();
        let address = match self {
            Self::Named(role) => return sentinel::open(config, *role).await,
            Self::Server(address) => {
                if config.database != 0 {
                    greeting.cmd("SELECT").arg(config.database);
                }
                address
            }
            // A node that accepts connections and answers nothing must be found out here, where nobody waits.
            Self::Node(address) => {
                greeting.cmd("PING");
                address
            }
            Self::ReplicaNode(address) => {
                greeting.cmd("READONLY");
                address
            }
        };
        let (redis, replies) = Door { config, address, login: &config.login, greeting }.enter().await?;
        match replies.first() {
            Some(Value::ServerError(e)) if !matches!(self, Self::Node(_)) => {
                Err(config.at(address).refusal("logging in", e))
            }
            _ => Ok((redis, address.clone())),
        }
    }
}
