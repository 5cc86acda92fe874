//! Converts errors of a server, and of the connection to it, into errors that say what to do.

use redis::{RedisError, ServerError};

use super::config::{RedisConfig, RedisServers};
use crate::error::{Error, ErrorKind};

/// Shown instead of a server message that contains the password.
const WITHHELD: &str = "server message withheld: it contains the password";

/// The server, or the servers, that an error message names.
pub(super) struct ErrorContext<'a> {
    config: &'a RedisConfig,
    address: String,
}

impl RedisConfig {
    /// Creates errors that name one of the servers.
    pub(super) fn error_at(&self, address: impl ToString) -> ErrorContext<'_> {
        ErrorContext { config: self, address: address.to_string() }
    }

    /// Creates an error that names all configured servers.
    pub(super) fn error(&self, kind: ErrorKind, operation: &str, message: &str) -> Error {
        self.error_at(self.describe_servers()).error(kind, operation, message)
    }

    /// Converts an error reply whose sender is not known, and names all configured servers.
    pub(super) fn server_error(&self, operation: &str, error: &ServerError) -> Error {
        self.error_at(self.describe_servers()).server_error(operation, error)
    }
}

impl ErrorContext<'_> {
    /// Creates an error that names the server and the operation that failed.
    pub(super) fn error(&self, kind: ErrorKind, operation: &str, message: &str) -> Error {
        Error::new(kind, format!("Redis at {}: {operation}: {message}", self.address))
    }

    /// Converts an error of the connection.
    pub(super) fn connection_error(&self, operation: &str, error: &RedisError) -> Error {
        use ErrorKind::{StoreTimeout, StoreUnavailable};
        let (kind, advice) = match error.kind() {
            redis::ErrorKind::Io if error.is_timeout() => (StoreTimeout, "no reply in time"),
            redis::ErrorKind::Io if error.is_connection_refusal() => (
                StoreUnavailable,
                "connection refused; check that the server is running and the address is right",
            ),
            redis::ErrorKind::Io if error.is_connection_dropped() => {
                (StoreUnavailable, "the connection was lost")
            }
            _ => (StoreUnavailable, "the connection failed"),
        };
        self.error(kind, operation, &format!("{advice} ({})", self.redacted(&error.to_string())))
    }

    /// Converts an error reply of the server.
    pub(super) fn server_error(&self, operation: &str, error: &ServerError) -> Error {
        use ErrorKind::{StoreData, StoreFull, StorePermission, StoreUnavailable, Unsupported};
        let details = error.details().unwrap_or_default();
        let (kind, advice) = match error.code() {
            "WRONGPASS" => (StorePermission, "the user or password is wrong"),
            "NOAUTH" => (StorePermission, "the server requires a password"),
            "NOPERM" => (StorePermission, "the user lacks a permission"),
            "WRONGTYPE" => (StoreData, "the key holds another type than the schema requires"),
            "OOM" => (StoreFull, "the server has reached its maxmemory"),
            "LOADING" => (StoreUnavailable, "the server is still loading its data"),
            "BUSY" => (StoreUnavailable, "the server is busy with a script"),
            "MASTERDOWN" => (StoreUnavailable, "the server is a replica that has lost its master"),
            "READONLY" => match self.config.servers {
                RedisServers::One(_) => {
                    (StoreUnavailable, "the server is a read-only replica; configure its master")
                }
                RedisServers::Cluster(_) | RedisServers::Sentinel(_) => {
                    (StoreUnavailable, "the server has become a replica, which is read-only")
                }
            },
            "CLUSTERDOWN" => (StoreUnavailable, "the cluster is down: at least one slot has no master"),
            "TRYAGAIN" => (StoreUnavailable, "the key is being moved to another node"),
            "MOVED" | "ASK" if matches!(self.config.servers, RedisServers::Cluster(_)) => {
                (StoreUnavailable, "too many redirects; the slot may be moving between nodes")
            }
            "MOVED" | "ASK" | "CROSSSLOT" => {
                (Unsupported, "the server is part of a cluster; use a redis+cluster:// store string")
            }
            "ERR" if details.contains("AUTH") && details.contains("without any password") => {
                (StorePermission, "a password was given, but the server has none configured")
            }
            _ => (StoreUnavailable, "the server reported an error"),
        };
        let message = self.redacted(&format!("{} {details}", error.code()));
        self.error(kind, operation, &format!("{advice} ({})", message.trim_end()))
    }

    /// Withholds a message that contains a password: some servers repeat the arguments of a command
    /// that they do not support, and those of `AUTH` are secret.
    fn redacted(&self, message: &str) -> String {
        let sentinel_login = match &self.config.servers {
            RedisServers::Sentinel(sentinels) => Some(&sentinels.login),
            RedisServers::One(_) | RedisServers::Cluster(_) => None,
        };
        let logins = [Some(&self.config.login), sentinel_login];
        let mut passwords = logins.into_iter().flatten().filter_map(|login| login.password.as_deref());
        if passwords.any(|password| !password.is_empty() && message.contains(password)) {
            WITHHELD.to_owned()
        } else {
            message.to_owned()
        }
    }
}
