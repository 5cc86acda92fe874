//! The servers that hold the keys, be they one or many: whoever asks for keys need not know which has which.

use redis::{Pipeline, Value};
use tokio::sync::watch;

use super::cluster::Cluster;
use super::config::{ReadFrom, RedisAddress, RedisConfig, RedisServers};
use super::keys::Keys;
use super::net::Link;
use super::net::Role;
use super::net::{Connector, Target};
use super::retry::Patience;
use crate::error::Result;

/// Shared connections to all of them.
pub(super) struct Servers {
    connector: Connector,
    kind: Kind,
}

enum Kind {
    One(Link, watch::Sender<Vec<Target>>),
    Cluster(Cluster),
}

impl Servers {
    /// Prepares to talk to them; nothing connects yet.
    pub(super) fn new(connector: Connector, read_from: ReadFrom) -> Self {
        let kind = match (&connector.config.servers, read_from) {
            (RedisServers::Cluster(seeds), _) => {
                Kind::Cluster(Cluster::new(connector.clone(), seeds, read_from))
            }
            (RedisServers::Sentinel(_), ReadFrom::Replica) => {
                let replica = connector.towards(Target::Named(Role::Replica));
                Kind::One(Link::new(replica), watch::Sender::new(vec![connector.target().clone()]))
            }
            (RedisServers::One(_) | RedisServers::Sentinel(_), _) => {
                let masters = watch::Sender::new(vec![connector.target().clone()]);
                Kind::One(Link::new(connector.clone()), masters)
            }
        };
        Self { connector, kind }
    }

    /// Returns what makes connections of one's own to any of them, with [`Connector::towards`].
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn config(&self) -> &RedisConfig {
        &self.connector.config
    }

    /// Tells whom to connect to in order to reach all that is written, and of every change. Of a cluster it is what is
    /// known, with the nodes that are just taking over slots; behind sentinels it is one target that leads to another server after a failover.
    pub(super) fn masters(&self) -> watch::Receiver<Vec<Target>> {
        match &self.kind {
            Kind::One(_, masters) => masters.subscribe(),
            Kind::Cluster(cluster) => cluster.masters(),
        }
    }

    /// Takes note of who is a master: whoever sentinels named before is not asked any more, for it may be cut off from the
    /// rest and know nothing of that.
    pub(super) fn keep_to(&self, master: &RedisAddress) {
        if let Kind::One(link, _) = &self.kind {
            link.keep_to(master);
        }
    }

    /// Sends commands, all of which name their key first, and returns one reply for each; a reply may be an error.
    ///
    /// # Errors
    /// The outer error means that nobody answered, an inner one that only the server with this key did not.
    pub(super) async fn ask(
        &self,
        doing: &str,
        commands: &Pipeline,
        patience: &Patience,
    ) -> Result<Vec<Result<Value>>> {
        match &self.kind {
            Kind::Cluster(cluster) => cluster.ask(doing, commands, patience).await,
            Kind::One(link, _) => {
                let connection = link.connection().await?;
                let replies = connection.exchange(doing, commands, patience.reply).await?;
                if let Some(Value::ServerError(e)) = replies.first()
                    && matches!(e.code(), "READONLY" | "MASTERDOWN")
                {
                    // It may have been a master once; the next connection finds the one that is.
                    connection.give_up();
                }
                Ok(replies.into_iter().map(Ok).collect())
            }
        }
    }

    /// Does the same, and takes any reply that is an error for a failure of the whole.
    pub(super) async fn ask_all(
        &self,
        doing: &str,
        commands: &Pipeline,
        patience: &Patience,
    ) -> Result<Vec<Value>> {
        let sound = |reply| match reply {
            Ok(Value::ServerError(e)) => Err(self.config().refusal(doing, &e)),
            reply => reply,
        };
        self.ask(doing, commands, patience).await?.into_iter().map(sound).collect()
    }

    /// Makes sure that every server of a cluster can be reached; of one server, the reply to anything is enough.
    ///
    /// # Errors
    /// The first that cannot.
    pub(super) async fn check(&self, doing: &str, lead: &str, patience: &Patience) -> Result<()> {
        match &self.kind {
            Kind::One(..) => Ok(()),
            Kind::Cluster(cluster) => cluster.check(doing, lead, patience).await,
        }
    }

    /// Returns the servers that may have any of the keys, and a number that changes when others have.
    pub(super) async fn holders(&self, doing: &str, keys: &Keys) -> Result<(Vec<Target>, u64)> {
        match &self.kind {
            Kind::One(..) => Ok((vec![self.connector.target().clone()], 0)),
            Kind::Cluster(cluster) => cluster.holders(doing, keys).await,
        }
    }

    /// Returns that number as it is now.
    pub(super) async fn version_now(&self) -> u64 {
        match &self.kind {
            Kind::One(..) => 0,
            Kind::Cluster(cluster) => cluster.version_now().await,
        }
    }

    /// Returns the cluster, if they are one.
    pub(super) fn cluster(&self) -> Option<&Cluster> {
        match &self.kind {
            Kind::One(..) => None,
            Kind::Cluster(cluster) => Some(cluster),
        }
    }
}
