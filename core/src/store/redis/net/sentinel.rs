//! Finds the master, or a replica of it, through sentinels.

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};

use super::handshake::Door;
use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::config::{RedisAddress, RedisConfig, RedisSentinels, RedisServers};

const ASKING: &str = "asking a sentinel for the master";
const FINDING: &str = "finding the master";

/// What the server that is looked for is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// The one that may be written.
    Master,
    /// One that follows it; the master if there is none that answers.
    Replica,
}

/// Connects to the server of that role. To be awaited on our runtime.
///
/// All sentinels are asked at once, so that one that is gone costs nothing, and whoever they name is asked for his role,
/// so that one that knows only of the past does no harm.
pub(crate) async fn open(config: &RedisConfig, role: Role) -> Result<(MultiplexedConnection, RedisAddress)> {
    let RedisServers::Sentinel(sentinels) = &config.servers else {
        return Err(config.error(ErrorKind::Internal, FINDING, "there are no sentinels"));
    };
    if role == Role::Replica
        && let Ok(found) = follow(config, sentinels, replicas).await
    {
        return Ok(found);
    }
    follow(config, sentinels, masters).await
}

/// How to ask a sentinel for servers.
type Question = for<'a> fn(
    &'a RedisConfig,
    &'a RedisSentinels,
    &'a RedisAddress,
) -> BoxFuture<'a, Result<Vec<(RedisAddress, Role)>>>;

/// Asks all sentinels and connects to the first server named that is what it should be.
async fn follow(
    config: &RedisConfig,
    sentinels: &RedisSentinels,
    question: Question,
) -> Result<(MultiplexedConnection, RedisAddress)> {
    let mut answers: FuturesUnordered<_> = sentinels
        .addresses
        .iter()
        .map(|sentinel| question(config, sentinels, sentinel).map(move |answer| (sentinel, answer)))
        .collect();
    let (mut tried, mut failures) = (Vec::new(), Vec::<Error>::new());
    while let Some((_, answer)) = answers.next().await {
        match answer {
            Err(e) => failures.push(e),
            Ok(named) => {
                for (address, role) in named {
                    if tried.contains(&address) {
                        continue;
                    }
                    match enter(config, &address, role).await {
                        Ok(redis) => return Ok((redis, address)),
                        Err(e) => failures.push(e),
                    }
                    tried.push(address);
                }
            }
        }
    }
    let kind = failures.first().map_or(ErrorKind::StoreUnavailable, Error::kind);
    let kind = match failures.iter().all(|e| e.kind() == kind) {
        true => kind,
        false => ErrorKind::StoreUnavailable,
    };
    let words: Vec<&str> = failures.iter().map(Error::message).collect();
    Err(config.error(kind, FINDING, &words.join("; ")))
}

/// Asks a sentinel who the master is.
fn masters<'a>(
    config: &'a RedisConfig,
    sentinels: &'a RedisSentinels,
    sentinel: &'a RedisAddress,
) -> BoxFuture<'a, Result<Vec<(RedisAddress, Role)>>> {
    async move {
        match ask(config, sentinels, sentinel, "GET-MASTER-ADDR-BY-NAME").await? {
            Value::Array(parts) => match (parts.first().and_then(word), parts.get(1).and_then(word)) {
                (Some(host), Some(port)) => {
                    Ok(address(host, port).map(|at| (at, Role::Master)).into_iter().collect())
                }
                _ => Err(odd(config, sentinel)),
            },
            Value::Nil => {
                let what = format!("it knows of no master {:?}", sentinels.master);
                Err(config.at(sentinel).error(ErrorKind::StoreUnavailable, ASKING, &what))
            }
            _ => Err(odd(config, sentinel)),
        }
    }
    .boxed()
}

/// Asks a sentinel which replicas are up.
fn replicas<'a>(
    config: &'a RedisConfig,
    sentinels: &'a RedisSentinels,
    sentinel: &'a RedisAddress,
) -> BoxFuture<'a, Result<Vec<(RedisAddress, Role)>>> {
    async move {
        let Value::Array(replicas) = ask(config, sentinels, sentinel, "REPLICAS").await? else {
            return Err(odd(config, sentinel));
        };
        let up = replicas.iter().filter_map(|replica| {
            let Value::Array(fields) = replica else { return None };
            let field = |name: &str| {
                fields
                    .chunks_exact(2)
                    .find(|pair| word(&pair[0]) == Some(name))
                    .and_then(|pair| word(&pair[1]))
            };
            let down = ["s_down", "o_down", "disconnected"];
            let is_up = !field("flags")?.split(',').any(|flag| down.contains(&flag))
                && field("master-link-status") == Some("ok");
            is_up.then(|| address(field("ip")?, field("port")?)).flatten()
        });
        Ok(up.map(|at| (at, Role::Replica)).collect())
    }
    .boxed()
}

async fn ask(
    config: &RedisConfig,
    sentinels: &RedisSentinels,
    sentinel: &RedisAddress,
    question: &str,
) -> Result<Value> {
    let mut greeting = Pipeline::new();
    greeting.cmd("SENTINEL").arg(question).arg(&sentinels.master);
    let door = Door { config, address: sentinel, login: &sentinels.login, greeting };
    match door.enter().await?.1.pop() {
        Some(Value::ServerError(e)) => Err(config.at(sentinel).refusal(ASKING, &e)),
        Some(reply) => Ok(reply),
        None => Err(odd(config, sentinel)),
    }
}

fn odd(config: &RedisConfig, sentinel: &RedisAddress) -> Error {
    let what = "it answered with something odd; is it a sentinel?";
    config.at(sentinel).error(ErrorKind::StoreUnavailable, ASKING, what)
}

fn word(value: &Value) -> Option<&str> {
    if let Value::BulkString(bytes) = value { std::str::from_utf8(bytes).ok() } else { None }
}

fn address(host: &str, port: &str) -> Option<RedisAddress> {
    Some(RedisAddress::Tcp(host.to_owned(), port.parse().ok()?))
}

/// Logs in to a server that a sentinel named, and makes sure that it is what the sentinel says, if it may be asked.
async fn enter(config: &RedisConfig, address: &RedisAddress, role: Role) -> Result<MultiplexedConnection> {
    let mut greeting = Pipeline::new();
    greeting.cmd("ROLE");
    if config.database != 0 {
        greeting.cmd("SELECT").arg(config.database);
    }
    let (redis, replies) = Door { config, address, login: &config.login, greeting }.enter().await?;
    if let Some(Value::ServerError(e)) = replies.get(1) {
        return Err(config.at(address).refusal("logging in", e));
    }
    match replies.first() {
        Some(Value::Array(parts))
            if role == Role::Master && parts.first().and_then(word) != Some("master") =>
        {
            let what =
                "the sentinels name it as the master, but it is a replica; a failover may be under way";
            Err(config.at(address).error(ErrorKind::StoreUnavailable, FINDING, what))
        }
        // Whoever may not ask must trust.
        Some(Value::ServerError(e)) if e.code() != "NOPERM" => {
            Err(config.at(address).refusal("logging in", e))
        }
        _ => Ok(redis),
    }
}
