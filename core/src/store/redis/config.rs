//! Which Redis servers there are, how to get in, and under which keys the store lies.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where a server listens. `Display` writes `host:port`, or the socket's path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RedisAddress {
    /// A host, by name or number, and a port.
    Tcp(String, u16),
    /// A socket in the file system.
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

/// Which servers hold the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisServers {
    /// One server.
    One(RedisAddress),
    /// A cluster, found through any of these nodes; the others are learned.
    Cluster(Vec<RedisAddress>),
    /// The server that sentinels say is the master.
    Sentinel(RedisSentinels),
}

/// The sentinels that watch over a master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisSentinels {
    /// Where they listen; any one that answers is enough.
    pub addresses: Vec<RedisAddress>,
    /// What they call the master.
    pub master: String,
    /// How to get in to the sentinels themselves.
    pub login: RedisLogin,
}

/// How to get in. `Debug` does not show the password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RedisLogin {
    /// The user to log in as; `None` = the default user.
    pub user: Option<String>,
    /// The password to log in with. A user without one logs in with the empty one.
    pub password: Option<String>,
}

impl fmt::Debug for RedisLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Which servers a reader asks. Writers always ask masters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadFrom {
    /// The masters: what was written is seen at once.
    #[default]
    Master,
    /// Replicas, and the master where there is none that answers. They are behind by as much as replication is.
    Replica,
}

/// How to encrypt, and whom to trust. Files are PEM and are read anew for each connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedisTls {
    /// The authorities that may vouch for the server; by default those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate, for a server that asks for one, and its private key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// The name the server's certificate must bear; by default the host.
    pub server_name: Option<String>,
}

/// What all keys of one environment begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPrefix {
    /// A prefix as most SDKs take it: a colon follows it, and the empty one means [`KeyPrefix::DEFAULT`].
    Named(String),
    /// The very first bytes of each key. `":"` is what the Ruby SDK makes of an empty prefix, `""` what the C++ SDK does.
    Raw(String),
}

impl KeyPrefix {
    /// The prefix of whoever gives none.
    pub const DEFAULT: &'static str = "launchdarkly";

    /// Returns the very first bytes of each key.
    pub fn lead(&self) -> String {
        match self {
            Self::Named(prefix) if prefix.is_empty() => format!("{}:", Self::DEFAULT),
            Self::Named(prefix) => format!("{prefix}:"),
            Self::Raw(lead) => lead.clone(),
        }
    }
}

impl Default for KeyPrefix {
    fn default() -> Self {
        Self::Named(Self::DEFAULT.to_owned())
    }
}

/// Which Redis database holds the store; see [`StoreConfig::parse`](crate::StoreConfig::parse) for its string form.
///
/// Neither `Debug` nor the store string made of it shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// Which servers hold it.
    pub servers: RedisServers,
    /// Encryption, for sentinels too; `None` = none.
    pub tls: Option<RedisTls>,
    /// How to get in.
    pub login: RedisLogin,
    /// The number of the database. Any but 0 needs the permission to `SELECT`.
    pub database: u32,
    /// What all keys begin with.
    pub prefix: KeyPrefix,
    /// Whom readers ask. Only one server has no choice.
    pub read_from: ReadFrom,
    /// How long connecting to a server and logging in may take. Default: [750 ms](Self::DEFAULT_CONNECT_TIMEOUT).
    pub connect_timeout: Duration,
    /// How long a reader waits for a reply. Default: [500 ms](Self::DEFAULT_RESPONSE_TIMEOUT). Writers and walks wait
    /// [5 s](Self::WRITER_PATIENCE) at least, for nobody's request hangs on them.
    pub response_timeout: Duration,
}

impl RedisConfig {
    /// The port of a server that names none.
    pub const DEFAULT_PORT: u16 = 6379;
    /// The port of a sentinel that names none.
    pub const DEFAULT_SENTINEL_PORT: u16 = 26379;
    /// Shorter than the engine's lookup deadline, so that the error says what was waited for.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_millis(750);
    /// Likewise.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);
    /// How long a writer waits for a reply, if `response_timeout` is not longer.
    pub const WRITER_PATIENCE: Duration = Duration::from_secs(5);
    /// The longest either timeout may be.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);

    /// Names the servers, with default options.
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

    /// Returns where the store is, for a person.
    pub(super) fn place(&self) -> String {
        match &self.servers {
            RedisServers::One(address) => address.to_string(),
            RedisServers::Cluster(nodes) => format!("cluster {}", listed(nodes)),
            RedisServers::Sentinel(RedisSentinels { addresses, master, .. }) => {
                format!("{master} of sentinels {}", listed(addresses))
            }
        }
    }
}

fn listed(addresses: &[RedisAddress]) -> String {
    addresses.iter().map(RedisAddress::to_string).collect::<Vec<_>>().join(",")
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisConfig({self})")
    }
}
