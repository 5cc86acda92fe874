//! Says what a failure of the server, or of the way to it, means for the person who has to act on it.

use redis::{RedisError, ServerError};

use super::config::{RedisConfig, RedisServers};
use crate::error::{Error, ErrorKind};

/// Where something failed: a server, or the store as a whole.
pub(super) struct Site<'a> {
    config: &'a RedisConfig,
    place: String,
}

impl RedisConfig {
    /// Names one of the servers.
    pub(super) fn at(&self, place: impl ToString) -> Site<'_> {
        Site { config: self, place: place.to_string() }
    }

    /// Makes an error of the store as a whole.
    pub(super) fn error(&self, kind: ErrorKind, doing: &str, what: &str) -> Error {
        self.at(self.place()).error(kind, doing, what)
    }

    /// Puts an error that some server sent into words.
    pub(super) fn refusal(&self, doing: &str, error: &ServerError) -> Error {
        self.at(self.place()).refusal(doing, error)
    }
}

impl Site<'_> {
    /// Makes an error that says where it happened and what was being done.
    pub(super) fn error(&self, kind: ErrorKind, doing: &str, what: &str) -> Error {
        Error::new(kind, format!("Redis at {}: {doing}: {what}", self.place))
    }

    /// Puts a failure of the connection into words.
    pub(super) fn failure(&self, doing: &str, error: &RedisError) -> Error {
        use ErrorKind::{StoreTimeout, StoreUnavailable};
        let (kind, advice) = match error.kind() {
            redis::ErrorKind::Io if error.is_timeout() => (StoreTimeout, "there was no answer in time"),
            redis::ErrorKind::Io if error.is_connection_refusal() => {
                (StoreUnavailable, "nothing answers there; is the server running, and is the address right?")
            }
            redis::ErrorKind::Io if error.is_connection_dropped() => {
                (StoreUnavailable, "the connection was lost")
            }
            _ => (StoreUnavailable, "the connection failed"),
        };
        self.error(kind, doing, &format!("{advice} ({})", self.without_password(&error.to_string())))
    }

    /// Puts an error that the server sent into words.
    pub(super) fn refusal(&self, doing: &str, error: &ServerError) -> Error {
        use ErrorKind::{StoreData, StoreFull, StorePermission, StoreUnavailable, Unsupported};
        let words = error.details().unwrap_or_default();
        let (kind, advice) = match error.code() {
            "WRONGPASS" => (StorePermission, "the server refuses the user or password"),
            "NOAUTH" => (StorePermission, "the server wants a password"),
            "NOPERM" => (StorePermission, "the user lacks a permission"),
            "WRONGTYPE" => (StoreData, "a key holds another type than the schema says"),
            "OOM" => (StoreFull, "the server has reached its maxmemory"),
            "LOADING" => (StoreUnavailable, "the server is still loading its data"),
            "BUSY" => (StoreUnavailable, "the server is busy with a script"),
            "MASTERDOWN" => (StoreUnavailable, "the server is a replica that has lost its master"),
            "READONLY" => match self.config.servers {
                RedisServers::One(_) => {
                    (StoreUnavailable, "the server is a replica, which cannot be written; name its master")
                }
                _ => (StoreUnavailable, "the server has become a replica, which cannot be written"),
            },
            "CLUSTERDOWN" => (StoreUnavailable, "the cluster lacks a master, and serves nobody meanwhile"),
            "TRYAGAIN" => (StoreUnavailable, "the key is just moving to another node"),
            "MOVED" | "ASK" if matches!(self.config.servers, RedisServers::Cluster(_)) => {
                (StoreUnavailable, "the nodes of the cluster point at one another; is a slot being moved?")
            }
            "MOVED" | "ASK" | "CROSSSLOT" => (
                Unsupported,
                "the server is part of a cluster; its store string begins with redis+cluster://",
            ),
            "ERR" if words.contains("AUTH") && words.contains("without any password") => {
                (StorePermission, "a password was given, but the server wants none")
            }
            _ => (StoreUnavailable, "the server reported a failure"),
        };
        let words = self.without_password(&format!("{} {words}", error.code()));
        self.error(kind, doing, &format!("{advice} ({})", words.trim_end()))
    }

    /// Some servers repeat the arguments of a command they do not know, and `AUTH` has the password.
    fn without_password(&self, words: &str) -> String {
        let sentinels = match &self.config.servers {
            RedisServers::Sentinel(sentinels) => Some(&sentinels.login),
            _ => None,
        };
        let logins = [Some(&self.config.login), sentinels];
        let mut passwords = logins.into_iter().flatten().filter_map(|login| login.password.as_deref());
        match passwords.any(|password| !password.is_empty() && words.contains(password)) {
            true => "its words hold the password".to_owned(),
            false => words.to_owned(),
        }
    }
}
