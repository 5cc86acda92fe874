//! The configuration of a Redis store: servers, login, TLS, timeouts and the prefix of its keys.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The address of a server. `Display` writes `host:port`, or the path of the socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RedisAddress {
    /// A host, by name or IP address, and a port.
    Tcp(String, u16),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The servers that hold the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisServers {
    /// One server.
    One(RedisAddress),
    /// A cluster. Any of these nodes is enough to discover the others.
    Cluster(Vec<RedisAddress>),
    /// The server that sentinels report as the master.
    Sentinel(RedisSentinels),
}

/// The sentinels that monitor a master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisSentinels {
    /// Their addresses. One sentinel that answers is enough.
    pub addresses: Vec<RedisAddress>,
    /// The name of the master in the configuration of the sentinels.
    pub master: String,
    /// The login of the sentinels themselves.
    pub login: RedisLogin,
}

/// A user and a password. `Debug` does not show the password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RedisLogin {
    /// The user; `None` = the default user.
    pub user: Option<String>,
    /// The password. A user without a password logs in with the empty one.
    pub password: Option<String>,
}

impl fmt::Debug for RedisLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The servers that a reader queries. Writers always use masters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadFrom {
    /// Masters. A completed write is visible at once.
    #[default]
    Master,
    /// Replicas, or the master if no replica answers. Replicas lag behind by the replication delay.
    Replica,
}

/// TLS settings. Files are in PEM format and are read again for each connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedisTls {
    /// The certificate authorities that are trusted; by default those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// The client certificate and its private key, for a server that requires one.
    pub client: Option<(PathBuf, PathBuf)>,
    /// The name that the server certificate must have; by default the host.
    pub server_name: Option<String>,
}

/// The first part of all keys of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPrefix {
    /// A prefix as most SDKs take it: a colon follows, and an empty prefix means
    /// [`KeyPrefix::DEFAULT`].
    Named(String),
    /// The exact first bytes of each key: `":"` is the empty prefix of the Ruby SDK, `""` that of
    /// the C++ SDK.
    Raw(String),
}

impl KeyPrefix {
    /// The prefix if none is configured.
    pub const DEFAULT: &'static str = "launchdarkly";

    /// Returns the exact first bytes of each key.
    pub fn key_prefix(&self) -> String {
        match self {
            Self::Named(prefix) if prefix.is_empty() => format!("{}:", Self::DEFAULT),
            Self::Named(prefix) => format!("{prefix}:"),
            Self::Raw(prefix) => prefix.clone(),
        }
    }
}

impl Default for KeyPrefix {
    fn default() -> Self {
        Self::Named(Self::DEFAULT.to_owned())
    }
}

/// The configuration of a Redis store; [`StoreConfig::parse`](crate::StoreConfig::parse) reads its
/// string form.
///
/// Neither `Debug` nor `Display` shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// The servers that hold the store.
    pub servers: RedisServers,
    /// TLS, for sentinels too; `None` = plain text.
    pub tls: Option<RedisTls>,
    /// The login of the servers.
    pub login: RedisLogin,
    /// The number of the database. Any number but 0 needs the permission `SELECT`.
    pub database: u32,
    /// The prefix of all keys.
    pub prefix: KeyPrefix,
    /// The servers that readers query. It has no effect on a single server.
    pub read_from: ReadFrom,
    /// The timeout of connecting to a server and logging in. Default: [750
    /// ms](Self::DEFAULT_CONNECT_TIMEOUT).
    pub connect_timeout: Duration,
    /// The timeout of a reply for readers. Default: [500 ms](Self::DEFAULT_RESPONSE_TIMEOUT).
    /// Writers and scanners use at least [5 s](Self::WRITER_TIMEOUT), because no request depends on
    /// them.
    pub response_timeout: Duration,
}

impl RedisConfig {
    /// The default port of a server.
    pub const DEFAULT_PORT: u16 = 6379;
    /// The default port of a sentinel.
    pub const DEFAULT_SENTINEL_PORT: u16 = 26379;
    /// The default of `connect_timeout`: shorter than the lookup deadline of the engine, so that
    /// the error names the step that timed out.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_millis(750);
    /// The default of `response_timeout`: shorter than the lookup deadline of the engine, so that
    /// the error names the command that timed out.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);
    /// The timeout of a reply for writers and scanners, unless `response_timeout` is longer.
    pub const WRITER_TIMEOUT: Duration = Duration::from_secs(5);
    /// The maximum of both timeouts.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);

    /// Creates a configuration for these servers, with default options.
    pub fn new(servers: RedisServers) -> Self {
        Self {
            servers,
            tls: None,
            login: RedisLogin::default(),
            database: 0,
            prefix: KeyPrefix::default(),
            read_from: ReadFrom::default(),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            response_timeout: Self::DEFAULT_RESPONSE_TIMEOUT,
        }
    }

    /// Returns the timeout of a reply for writers and scanners.
    pub(super) fn writer_response_timeout(&self) -> Duration {
        self.response_timeout.max(Self::WRITER_TIMEOUT)
    }

    /// Describes the servers for error messages.
    pub(super) fn describe_servers(&self) -> String {
        match &self.servers {
            RedisServers::One(address) => address.to_string(),
            RedisServers::Cluster(nodes) => format!("cluster {}", comma_separated(nodes)),
            RedisServers::Sentinel(RedisSentinels { addresses, master, .. }) => {
                format!("{master} of sentinels {}", comma_separated(addresses))
            }
        }
    }
}

fn comma_separated(addresses: &[RedisAddress]) -> String {
    addresses.iter().map(RedisAddress::to_string).collect::<Vec<_>>().join(",")
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisConfig({self})")
    }
}
