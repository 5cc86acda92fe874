//! Makes connections to a target: a fixed server, a node of a cluster, or the server that sentinels
//! report.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, PushInfo, Value};
use tokio::task::JoinSet;

use super::connection::Connection;
use super::handshake::{Handshake, LOGGING_IN};
use super::sentinel::{self, Role};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{BoxFuture, ForkGeneration, Runtime};
use crate::store::redis::config::{RedisAddress, RedisConfig, RedisServers};

/// The server to connect to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Target {
    /// This server.
    Server(RedisAddress),
    /// This master of a cluster.
    ClusterMaster(RedisAddress),
    /// This replica of a cluster, for reading.
    ClusterReplica(RedisAddress),
    /// The server that sentinels report for this role at the moment of connecting.
    Sentinel(Role),
}

/// Makes connections to its target.
///
/// redis-rs starts tasks of tokio, so it must connect in the context of the library's own runtime,
/// whatever executor the caller is on.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) config: Arc<RedisConfig>,
    target: Target,
    runtime: Arc<Runtime>,
    generation: ForkGeneration,
}

impl Connector {
    /// Creates a connector to the writable server: the only one, the sentinels' master, or the
    /// first cluster node.
    pub(crate) fn new(config: RedisConfig) -> Result<Self> {
        let generation = ForkGeneration::current();
        let target = match &config.servers {
            RedisServers::One(address) => Target::Server(address.clone()),
            RedisServers::Sentinel(_) => Target::Sentinel(Role::Master),
            RedisServers::Cluster(nodes) => {
                let Some(first) = nodes.first() else {
                    return Err(Error::new(ErrorKind::InvalidConfig, "a cluster needs at least one address"));
                };
                Target::ClusterMaster(first.clone())
            }
        };
        Ok(Self { config: Arc::new(config), target, runtime: Runtime::shared()?, generation })
    }

    /// Creates a connector to another server of the same configuration.
    pub(crate) fn with_target(&self, target: Target) -> Self {
        Self { target, ..self.clone() }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Connects. Must be awaited on the library's runtime, or in its context.
    pub(crate) async fn connect_on_runtime(self) -> Result<Connection> {
        let (redis, address) = self.target.connect(&self.runtime, &self.config).await?;
        Ok(Connection::new(redis, address, self.config, self.runtime))
    }

    /// Connects. May be awaited on any executor.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        self.runtime.in_context(self.clone().connect_on_runtime()).await
    }

    /// Connects with RESP3, so that the server can send push messages. Must be awaited on the
    /// library's runtime.
    pub(crate) async fn connect_with_push(
        &self,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<Connection> {
        let config = self.config.clone();
        let address = match &self.target {
            Target::Sentinel(role) => sentinel::connect(&self.runtime, &config, *role).await?.1,
            Target::Server(address) | Target::ClusterMaster(address) | Target::ClusterReplica(address) => {
                address.clone()
            }
        };
        let handshake = Handshake {
            runtime: &self.runtime,
            config: &config,
            address: &address,
            login: &config.login,
            initial_commands: Pipeline::new(),
        };
        let redis = handshake.connect_with_push(on_push).await?;
        Ok(Connection::new(redis, address, config, self.runtime.clone()))
    }

    /// Starts a task of the runtime as a member of a set.
    pub(crate) fn spawn_in(&self, tasks: &mut JoinSet<()>, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn_in(tasks, task);
    }

    /// Fails in a child process, because neither threads nor sockets survive `fork`.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.generation.check()
    }

    /// Sleeps. May be awaited on any executor.
    pub(crate) fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.runtime.sleep_until(&Clock::System, Clock::System.now().after(duration))
    }
}

impl Target {
    /// Connects, and returns the address of the server too.
    async fn connect(
        &self,
        runtime: &Runtime,
        config: &RedisConfig,
    ) -> Result<(MultiplexedConnection, RedisAddress)> {
        let mut initial_commands = Pipeline::new();
        let address = match self {
            Self::Sentinel(role) => return sentinel::connect(runtime, config, *role).await,
            Self::Server(address) => {
                if config.database != 0 {
                    initial_commands.cmd("SELECT").arg(config.database);
                }
                address
            }
            // Detects here, where no lookup waits, that a node accepts connections but does not
            // reply.
            Self::ClusterMaster(address) => {
                initial_commands.cmd("PING");
                address
            }
            Self::ClusterReplica(address) => {
                initial_commands.cmd("READONLY");
                address
            }
        };
        let handshake = Handshake { runtime, config, address, login: &config.login, initial_commands };
        let (redis, replies) = handshake.connect().await?;
        match replies.first() {
            Some(Value::ServerError(e)) if !matches!(self, Self::ClusterMaster(_)) => {
                Err(config.error_at(address).server_error(LOGGING_IN, e))
            }
            _ => Ok((redis, address.clone())),
        }
    }
}
