//! Where a Redis server is, how to get in, and under which keys the store lies.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::keys::KeyPrefix;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisAddress {
    /// A host, by name or number, and a port.
    Tcp(String, u16),
    /// A socket in the file system.
    Unix(PathBuf),
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

/// Which Redis database holds the store; see [`StoreConfig::parse`](crate::StoreConfig::parse) for its string form.
///
/// Neither `Debug` nor the store string made of it shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// Where the server listens.
    pub address: RedisAddress,
    /// Encryption; `None` = none.
    pub tls: Option<RedisTls>,
    /// The user to log in as; `None` = the default user.
    pub user: Option<String>,
    /// The password to log in with. A user without one logs in with the empty one.
    pub password: Option<String>,
    /// The number of the database. Any but 0 needs the permission to `SELECT`.
    pub database: u32,
    /// What all keys begin with.
    pub prefix: KeyPrefix,
    /// How long connecting and logging in may take. Default: [750 ms](Self::DEFAULT_CONNECT_TIMEOUT).
    pub connect_timeout: Duration,
    /// How long a reader waits for a reply. Default: [500 ms](Self::DEFAULT_RESPONSE_TIMEOUT). Writers and walks wait
    /// [5 s](Self::WRITER_PATIENCE) at least, for nobody's request hangs on them.
    pub response_timeout: Duration,
}

impl RedisConfig {
    /// The port of a server that names none.
    pub const DEFAULT_PORT: u16 = 6379;
    /// Shorter than the engine's lookup deadline, so that the error says what was waited for.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_millis(750);
    /// Likewise.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);
    /// How long a writer waits for a reply, if `response_timeout` is not longer.
    pub const WRITER_PATIENCE: Duration = Duration::from_secs(5);
    /// The longest either timeout may be.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);

    /// Names a server, with default options.
    pub fn new(address: RedisAddress) -> Self {
        Self {
            address,
            tls: None,
            user: None,
            password: None,
            database: 0,
            prefix: KeyPrefix::default(),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            response_timeout: Self::DEFAULT_RESPONSE_TIMEOUT,
        }
    }

    /// Returns where the server is, for a person: `host:port`, or the socket's path.
    pub(super) fn place(&self) -> String {
        match &self.address {
            RedisAddress::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            RedisAddress::Tcp(host, port) => format!("{host}:{port}"),
            RedisAddress::Unix(path) => path.display().to_string(),
        }
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisConfig({self})")
    }
}
