//! The client of the configured servers: the same calls for a single server, Sentinel and a
//! cluster.

use std::sync::Arc;

use redis::{Pipeline, Value};
use tokio::sync::watch;

use super::cluster::Cluster;
use super::config::{ReadFrom, RedisAddress, RedisConfig, RedisServers};
use super::keys::Keys;
use super::net::{Connector, Role, SharedConnection, Target};
use super::retry::RetryBudget;
use crate::error::Result;

/// Shared connections to all servers.
pub(super) struct RedisClient {
    connector: Connector,
    deployment: Deployment,
}

enum Deployment {
    /// One server, or the one that sentinels report.
    Single {
        connection: SharedConnection,
        /// Never changes: it is one target even if a failover makes it another server.
        masters: watch::Sender<Vec<Target>>,
    },
    Cluster(Arc<Cluster>),
}

impl RedisClient {
    /// Creates a client. It connects on the first use.
    pub(super) fn new(connector: Connector, read_from: ReadFrom) -> Self {
        let deployment = match &connector.config.servers {
            RedisServers::Cluster(seeds) => {
                Deployment::Cluster(Arc::new(Cluster::new(connector.clone(), seeds, read_from)))
            }
            RedisServers::One(_) => Self::single(&connector, connector.clone()),
            RedisServers::Sentinel(_) => match read_from {
                ReadFrom::Master => Self::single(&connector, connector.clone()),
                ReadFrom::Replica => {
                    Self::single(&connector, connector.with_target(Target::Sentinel(Role::Replica)))
                }
            },
        };
        Self { connector, deployment }
    }

    fn single(master: &Connector, reads: Connector) -> Deployment {
        let masters = watch::Sender::new(vec![master.target().clone()]);
        Deployment::Single { connection: SharedConnection::new(reads), masters }
    }

    /// Returns the source of further connections to any of the servers; see
    /// [`Connector::with_target`].
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn config(&self) -> &RedisConfig {
        &self.connector.config
    }

    /// Returns the targets that together receive all writes, and every later change of them.
    ///
    /// For a cluster, these are the known masters and the nodes that are importing slots. With
    /// Sentinel it is one target, which leads to another server after a failover.
    pub(super) fn masters(&self) -> watch::Receiver<Vec<Target>> {
        match &self.deployment {
            Deployment::Single { masters, .. } => masters.subscribe(),
            Deployment::Cluster(cluster) => cluster.masters(),
        }
    }

    /// Gives up the connection to a former master, which may be partitioned from the others and
    /// still accept commands.
    pub(super) fn pin_to(&self, master: &RedisAddress) {
        match &self.deployment {
            Deployment::Single { connection, .. } => connection.pin_to(master),
            Deployment::Cluster(_) => {}
        }
    }

    /// Executes commands, whose first argument is their key. Returns one reply for each; a reply
    /// may be an error.
    ///
    /// # Errors
    /// The outer error means that no server replied. An inner error means that the server with this
    /// key did not.
    pub(super) async fn execute(
        &self,
        operation: &str,
        commands: &Pipeline,
        budget: &RetryBudget,
    ) -> Result<Vec<Result<Value>>> {
        match &self.deployment {
            Deployment::Cluster(cluster) => cluster.execute(operation, commands, budget).await,
            Deployment::Single { connection, .. } => {
                let connection = connection.connection().await?;
                let replies = connection.execute(operation, commands, budget.reply_timeout).await?;
                if let Some(Value::ServerError(e)) = replies.first()
                    && matches!(e.code(), "READONLY" | "MASTERDOWN")
                {
                    // A former master. The next connection finds the new one.
                    connection.mark_broken();
                }
                Ok(replies.into_iter().map(Ok).collect())
            }
        }
    }

    /// Executes commands, whose first argument is their key. Returns one reply for each.
    ///
    /// # Errors
    /// Any reply is an error.
    pub(super) async fn execute_checked(
        &self,
        operation: &str,
        commands: &Pipeline,
        budget: &RetryBudget,
    ) -> Result<Vec<Value>> {
        let mut replies = Vec::with_capacity(commands.len());
        for reply in self.execute(operation, commands, budget).await? {
            match reply? {
                Value::ServerError(e) => return Err(self.config().server_error(operation, &e)),
                reply => replies.push(reply),
            }
        }
        Ok(replies)
    }

    /// Verifies that every master of a cluster can be reached. For a single server, any reply is
    /// proof enough.
    ///
    /// # Errors
    /// The first master that cannot be reached.
    pub(super) async fn check_masters(
        &self,
        operation: &str,
        prefix: &str,
        budget: &RetryBudget,
    ) -> Result<()> {
        match &self.deployment {
            Deployment::Single { .. } => Ok(()),
            Deployment::Cluster(cluster) => cluster.check_masters(operation, prefix, budget).await,
        }
    }

    /// Returns the target that owns a key, which holds a string or nothing. For a single server
    /// this sends nothing.
    ///
    /// # Errors
    /// The cluster has no owner for the key.
    pub(super) async fn locate(&self, operation: &str, key: &str, budget: &RetryBudget) -> Result<Target> {
        match &self.deployment {
            Deployment::Single { .. } => Ok(self.connector.target().clone()),
            Deployment::Cluster(cluster) => cluster.locate(operation, key, budget).await,
        }
    }

    /// Returns the targets that may hold any of the keys, and the version of the slot map, which
    /// changes when other nodes own them.
    pub(super) async fn key_holders(&self, operation: &str, keys: &Keys) -> Result<(Vec<Target>, u64)> {
        match &self.deployment {
            Deployment::Single { .. } => Ok((vec![self.connector.target().clone()], 0)),
            Deployment::Cluster(cluster) => cluster.key_holders(operation, keys).await,
        }
    }

    /// Returns the current version of the slot map.
    pub(super) async fn slot_map_version(&self) -> u64 {
        match &self.deployment {
            Deployment::Single { .. } => 0,
            Deployment::Cluster(cluster) => cluster.current_version().await,
        }
    }

    /// Returns the cluster, if there is one.
    pub(super) fn cluster(&self) -> Option<&Arc<Cluster>> {
        match &self.deployment {
            Deployment::Single { .. } => None,
            Deployment::Cluster(cluster) => Some(cluster),
        }
    }
}
