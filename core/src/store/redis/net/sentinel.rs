//! Sentinel: finds the master, or one of its replicas, and connects to it.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};

use super::handshake::{Handshake, LOGGING_IN};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Runtime;
use crate::store::redis::config::{RedisAddress, RedisConfig, RedisSentinels, RedisServers};
use crate::store::redis::replies::as_str;

const QUERYING: &str = "querying a sentinel";
const FINDING: &str = "finding the master";

/// The replication role of the server to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// The master.
    Master,
    /// A replica, or the master if no replica answers.
    Replica,
}

/// Connects to the server with this role. Must be awaited on the library's runtime.
///
/// All sentinels are queried at once, so that an unreachable one costs no time. The reported master
/// is verified with `ROLE`, so that a stale sentinel is ignored.
pub(crate) async fn connect(
    runtime: &Runtime,
    config: &RedisConfig,
    role: Role,
) -> Result<(MultiplexedConnection, RedisAddress)> {
    let RedisServers::Sentinel(sentinels) = &config.servers else {
        return Err(config.error(ErrorKind::Internal, FINDING, "no sentinels are configured"));
    };
    if role == Role::Replica
        && let Ok(connected) = connect_to_reported(runtime, config, sentinels, Role::Replica).await
    {
        return Ok(connected);
    }
    connect_to_reported(runtime, config, sentinels, Role::Master).await
}

/// Queries all sentinels, and connects to the first reported server that has the role.
async fn connect_to_reported(
    runtime: &Runtime,
    config: &RedisConfig,
    sentinels: &RedisSentinels,
    role: Role,
) -> Result<(MultiplexedConnection, RedisAddress)> {
    let mut reports: FuturesUnordered<_> = sentinels
        .addresses
        .iter()
        .map(|address| SentinelQuery { runtime, config, sentinels, address }.servers(role))
        .collect();
    let mut tried = Vec::new();
    let mut errors = Vec::<Error>::new();
    while let Some(report) = reports.next().await {
        match report {
            Err(e) => errors.push(e),
            Ok(addresses) => {
                for address in addresses {
                    if tried.contains(&address) {
                        continue;
                    }
                    match connect_verified(runtime, config, &address, role).await {
                        Ok(redis) => return Ok((redis, address)),
                        Err(e) => errors.push(e),
                    }
                    tried.push(address);
                }
            }
        }
    }
    Err(combined(config, &errors))
}

/// Combines the errors of all sentinels. The kind is theirs if they agree.
fn combined(config: &RedisConfig, errors: &[Error]) -> Error {
    let first = errors.first().map_or(ErrorKind::StoreUnavailable, Error::kind);
    let all_agree = errors.iter().all(|e| e.kind() == first);
    let kind = if all_agree { first } else { ErrorKind::StoreUnavailable };
    let messages: Vec<&str> = errors.iter().map(Error::message).collect();
    config.error(kind, FINDING, &messages.join("; "))
}

/// A query of one sentinel.
struct SentinelQuery<'a> {
    runtime: &'a Runtime,
    config: &'a RedisConfig,
    sentinels: &'a RedisSentinels,
    address: &'a RedisAddress,
}

impl SentinelQuery<'_> {
    /// Returns the servers that the sentinel reports for the role.
    async fn servers(self, role: Role) -> Result<Vec<RedisAddress>> {
        match role {
            Role::Master => self.master().await,
            Role::Replica => self.replicas().await,
        }
    }

    async fn master(&self) -> Result<Vec<RedisAddress>> {
        match self.execute("GET-MASTER-ADDR-BY-NAME").await? {
            Value::Array(parts) => match (parts.first().and_then(as_str), parts.get(1).and_then(as_str)) {
                (Some(host), Some(port)) => Ok(parse_address(host, port).into_iter().collect()),
                _ => Err(self.unexpected_reply()),
            },
            Value::Nil => {
                let message = format!("the sentinel monitors no master {:?}", self.sentinels.master);
                Err(self.error(&message))
            }
            _ => Err(self.unexpected_reply()),
        }
    }

    /// Returns the replicas that are up and connected to their master.
    async fn replicas(&self) -> Result<Vec<RedisAddress>> {
        let Value::Array(replicas) = self.execute("REPLICAS").await? else {
            return Err(self.unexpected_reply());
        };
        Ok(replicas.iter().filter_map(usable_replica).collect())
    }

    async fn execute(&self, subcommand: &str) -> Result<Value> {
        let mut initial_commands = Pipeline::new();
        initial_commands.cmd("SENTINEL").arg(subcommand).arg(&self.sentinels.master);
        let handshake = Handshake {
            runtime: self.runtime,
            config: self.config,
            address: self.address,
            login: &self.sentinels.login,
            initial_commands,
        };
        match handshake.connect().await?.1.pop() {
            Some(Value::ServerError(e)) => Err(self.config.error_at(self.address).server_error(QUERYING, &e)),
            Some(reply) => Ok(reply),
            None => Err(self.unexpected_reply()),
        }
    }

    fn unexpected_reply(&self) -> Error {
        self.error("unexpected reply; check that the server is a sentinel")
    }

    fn error(&self, message: &str) -> Error {
        self.config.error_at(self.address).error(ErrorKind::StoreUnavailable, QUERYING, message)
    }
}

/// Parses one entry of the reply to `SENTINEL REPLICAS`: field names and values in turn.
fn usable_replica(entry: &Value) -> Option<RedisAddress> {
    let Value::Array(fields) = entry else { return None };
    let field = |name: &str| {
        let pair = fields.chunks_exact(2).find(|pair| as_str(&pair[0]) == Some(name))?;
        as_str(&pair[1])
    };
    let down_flags = ["s_down", "o_down", "disconnected"];
    let is_down = field("flags")?.split(',').any(|flag| down_flags.contains(&flag));
    let is_in_sync = field("master-link-status") == Some("ok");
    if is_down || !is_in_sync {
        return None;
    }
    parse_address(field("ip")?, field("port")?)
}

fn parse_address(host: &str, port: &str) -> Option<RedisAddress> {
    Some(RedisAddress::Tcp(host.to_owned(), port.parse().ok()?))
}

/// Connects to a server that a sentinel reported, and verifies that a reported master is one.
async fn connect_verified(
    runtime: &Runtime,
    config: &RedisConfig,
    address: &RedisAddress,
    role: Role,
) -> Result<MultiplexedConnection> {
    let mut initial_commands = Pipeline::new();
    initial_commands.cmd("ROLE");
    if config.database != 0 {
        initial_commands.cmd("SELECT").arg(config.database);
    }
    let handshake = Handshake { runtime, config, address, login: &config.login, initial_commands };
    let (redis, replies) = handshake.connect().await?;
    if let Some(Value::ServerError(e)) = replies.get(1) {
        return Err(config.error_at(address).server_error(LOGGING_IN, e));
    }
    match replies.first() {
        Some(Value::Array(parts))
            if role == Role::Master && parts.first().and_then(as_str) != Some("master") =>
        {
            let message =
                "the sentinels report it as the master, but it is a replica; a failover may be in progress";
            Err(config.error_at(address).error(ErrorKind::StoreUnavailable, FINDING, message))
        }
        // Without the permission for ROLE, the report of the sentinel has to do.
        Some(Value::ServerError(e)) if e.code() != "NOPERM" => {
            Err(config.error_at(address).server_error(LOGGING_IN, e))
        }
        _ => Ok(redis),
    }
}
