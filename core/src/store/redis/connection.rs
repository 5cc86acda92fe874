//! One connection to a server: how it is made, and how commands and replies are exchanged on it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, Shared, select};
use redis::aio::{MultiplexedConnection, SendError};
use redis::io::AsyncDNSResolver;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    Pipeline, ProtocolVersion, PushInfo, RedisConnectionInfo, RedisError, RedisFuture, RedisResult,
    TlsCertificates, Value,
};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::config::{RedisAddress, RedisConfig, RedisTls};
use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{BoxFuture, ProcessStamp, Runtime};

const CONNECTING: &str = "connecting";

/// An attempt to connect; clones share its outcome.
pub(super) type Attempt = Shared<BoxFuture<'static, Result<Connection>>>;

/// Makes connections. The library's timers and tasks need our runtime around them, so connecting is a task of it,
/// whatever thread or executor asks.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) config: Arc<RedisConfig>,
    runtime: Arc<Runtime>,
    process: ProcessStamp,
}

impl Connector {
    pub(super) fn new(config: RedisConfig) -> Result<Self> {
        let process = ProcessStamp::current();
        Ok(Self { config: Arc::new(config), runtime: Runtime::shared()?, process })
    }

    /// Starts to connect, in a task of `tasks`; `settled` hears the outcome before anybody else.
    pub(super) fn connect(
        &self,
        tasks: &mut JoinSet<()>,
        settled: impl FnOnce(&Result<Connection>) + Send + 'static,
    ) -> Attempt {
        let (sender, receiver) = oneshot::channel();
        let (config, runtime) = (self.config.clone(), self.runtime.clone());
        while tasks.try_join_next().is_some() {}
        self.runtime.spawn_in(tasks, async move {
            let outcome = open(&config).await.map(|redis| Connection::new(redis, config, runtime));
            settled(&outcome);
            // Fails when nobody waits any more.
            let _ = sender.send(outcome);
        });
        let given_up = || Err(Error::new(ErrorKind::Closed, "the store was closed while it was connecting"));
        receiver.map(move |outcome| outcome.unwrap_or_else(|_| given_up())).boxed().shared()
    }

    /// Connects with RESP3, for a connection on which the server may speak unasked. To be awaited on our runtime.
    pub(super) async fn connect_listening(
        &self,
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<Connection> {
        let (config, runtime) = (self.config.clone(), self.runtime.clone());
        let redis = in_connect_timeout(&config, listen(&config, hear)).await?;
        Ok(Connection::new(redis, config, runtime))
    }

    /// Fails in a child process: neither threads nor sockets survive `fork`.
    pub(super) fn check_process(&self) -> Result<()> {
        self.process.check()
    }

    /// Waits; may be awaited on any executor.
    pub(super) fn pause(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.runtime.sleep_until(&Clock::System, Clock::System.now().after(duration))
    }
}

/// Connects and logs in, in time. To be awaited on our runtime.
async fn open(config: &RedisConfig) -> Result<MultiplexedConnection> {
    in_connect_timeout(config, log_in(config)).await
}

async fn in_connect_timeout<T>(
    config: &RedisConfig,
    connecting: impl Future<Output = Result<T>>,
) -> Result<T> {
    let timeout = config.connect_timeout;
    tokio::time::timeout(timeout, connecting).await.unwrap_or_else(|_| {
        let what =
            format!("there was no answer within {timeout:?}; is the address right, and the way there open?");
        Err(config.error(ErrorKind::StoreTimeout, CONNECTING, &what))
    })
}

async fn log_in(config: &RedisConfig) -> Result<MultiplexedConnection> {
    let client = client(config, RedisConnectionInfo::default())?;
    let mut redis = client
        .get_multiplexed_async_connection_with_config(&settings(config))
        .await
        .map_err(|e| config.failure(CONNECTING, &e))?;

    // Not left to the library, which takes any error for a wrong password.
    let mut commands = Pipeline::new();
    if let Some(user) = &config.user {
        commands.cmd("AUTH").arg(user).arg(config.password.as_deref().unwrap_or_default());
    } else if let Some(password) = &config.password {
        commands.cmd("AUTH").arg(password);
    }
    if config.database != 0 {
        commands.cmd("SELECT").arg(config.database);
    }
    if commands.is_empty() {
        return Ok(redis);
    }
    let replies = redis.send_packed_commands(&commands, 0, commands.len()).await;
    for reply in replies.map_err(|e| config.failure("logging in", &e))? {
        if let Value::ServerError(e) = reply {
            return Err(config.refusal("logging in", &e));
        }
    }
    Ok(redis)
}

/// Connects and logs in with RESP3. Here the library logs in: it greets the server before anything of ours is sent.
async fn listen(
    config: &RedisConfig,
    hear: impl Fn(PushInfo) + Send + Sync + 'static,
) -> Result<MultiplexedConnection> {
    let mut login = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
    if config.user.is_some() || config.password.is_some() {
        login = login.set_password(config.password.as_deref().unwrap_or_default());
    }
    if let Some(user) = &config.user {
        login = login.set_username(user);
    }
    let tell = move |push| {
        hear(push);
        Ok::<(), SendError>(())
    };
    client(config, login)?
        .get_multiplexed_async_connection_with_config(&settings(config).set_push_sender(tell))
        .await
        .map_err(|e| match e.kind() {
            redis::ErrorKind::Io | redis::ErrorKind::AuthenticationFailed => config.failure(CONNECTING, &e),
            _ => {
                let refusal = config.failure("greeting the server with RESP3", &e);
                Error::new(ErrorKind::Unsupported, refusal.message().to_owned())
            }
        })
}

/// Timeouts are ours: the library's would need its callers to be on our runtime, too.
fn settings(config: &RedisConfig) -> AsyncConnectionConfig {
    let settings = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    match (&config.address, &config.tls) {
        (RedisAddress::Tcp(host, _), Some(RedisTls { server_name: Some(_), .. })) => {
            settings.set_dns_resolver(HostOf(host.clone()))
        }
        _ => settings,
    }
}

fn client(config: &RedisConfig, login: RedisConnectionInfo) -> Result<Client> {
    let invalid = |e: RedisError| {
        let what = format!("the address or the certificates cannot be used: {e}");
        config.error(ErrorKind::InvalidConfig, CONNECTING, &what)
    };
    let address = match (&config.address, &config.tls) {
        (RedisAddress::Unix(path), _) => ConnectionAddr::Unix(path.clone()),
        (RedisAddress::Tcp(host, port), None) => ConnectionAddr::Tcp(host.clone(), *port),
        (RedisAddress::Tcp(host, port), Some(tls)) => ConnectionAddr::TcpTls {
            // The library takes the name it resolves for the name on the certificate; see `HostOf`.
            host: tls.server_name.as_ref().unwrap_or(host).clone(),
            port: *port,
            insecure: false,
            tls_params: None,
        },
    };
    let info: ConnectionInfo = address.into_connection_info().map_err(invalid)?;
    let info = info
        .set_tcp_settings(TcpSettings::default().set_nodelay(true))
        .set_redis_settings(login.set_skip_set_lib_name());
    let Some(tls) = &config.tls else { return Client::open(info).map_err(invalid) };

    // Fails when the process has chosen a provider already, which is then as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let read = |name: &str, path: &Path| {
        std::fs::read(path).map_err(|e| {
            let what = format!("cannot read {name} {}: {e}", path.display());
            config.error(ErrorKind::InvalidConfig, CONNECTING, &what)
        })
    };
    let root_cert = tls.ca_file.as_deref().map(|file| read("ca_file", file)).transpose()?;
    let client_tls = match &tls.client {
        None => None,
        Some((certificate, key)) => Some(ClientTlsConfig {
            client_cert: read("cert_file", certificate)?,
            client_key: read("key_file", key)?,
        }),
    };
    Client::build_with_tls(info, TlsCertificates { client_tls, root_cert }).map_err(invalid)
}

/// Resolves that host whatever name is asked for, so that the certificate may bear another one.
struct HostOf(String);

impl AsyncDNSResolver for HostOf {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        _server_name: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        async move {
            let found = tokio::net::lookup_host((self.0.as_str(), port)).await?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Box<dyn Iterator<Item = _> + Send>)
        }
        .boxed()
    }
}

/// An open connection; clones share it, and their commands mix.
#[derive(Clone)]
pub(super) struct Connection {
    redis: MultiplexedConnection,
    config: Arc<RedisConfig>,
    runtime: Arc<Runtime>,
    health: Arc<Health>,
}

#[derive(Default)]
struct Health {
    broken: AtomicBool,
    /// When the last reply came.
    heard: AtomicU64,
    /// When the first question since then was asked; 0 = none was. Whoever asked may have given up long ago.
    asked: AtomicU64,
}

impl Connection {
    fn new(redis: MultiplexedConnection, config: Arc<RedisConfig>, runtime: Arc<Runtime>) -> Self {
        Self { redis, config, runtime, health: Arc::default() }
    }

    /// Returns whether it must be replaced: it failed, or has been silent for too long.
    pub(super) fn is_broken(&self) -> bool {
        let asked = match self.health.asked.load(Ordering::Acquire) {
            0 => Moment::NEVER,
            nanos => Moment::from_nanos(nanos),
        };
        let is_silent = || Clock::System.now().since(asked) > self.config.response_timeout;
        self.health.broken.load(Ordering::Acquire) || is_silent()
    }

    /// Sends commands together and returns one reply for each; a reply may be an error.
    ///
    /// # Errors
    /// The connection failed, or there was no answer in time; commands may have been carried out all the same.
    pub(super) async fn exchange(
        &self,
        doing: &str,
        commands: &Pipeline,
        patience: Duration,
    ) -> Result<Vec<Value>> {
        let clock = &Clock::System;
        let began = clock.now();
        // Fails when somebody else waits already, and longer.
        let _ = self.health.asked.compare_exchange(0, began.nanos(), Ordering::AcqRel, Ordering::Acquire);
        let mut redis = self.redis.clone();
        let call = redis.send_packed_commands(commands, 0, commands.len());
        match in_time(call, self.runtime.sleep_until(clock, began.after(patience))).await {
            Some(Ok(replies)) => {
                self.health.heard.store(clock.now().nanos(), Ordering::Release);
                self.health.asked.store(0, Ordering::Release);
                Ok(replies)
            }
            Some(Err(e)) => {
                self.health.broken.store(true, Ordering::Release);
                Err(self.config.failure(doing, &e))
            }
            None => {
                // A slow reply alone does not condemn a connection on which others are answered.
                if Moment::from_nanos(self.health.heard.load(Ordering::Acquire)) < began {
                    self.health.broken.store(true, Ordering::Release);
                }
                let what = format!("there was no answer within {patience:?}");
                Err(self.config.error(ErrorKind::StoreTimeout, doing, &what))
            }
        }
    }
}

async fn in_time<T>(
    call: impl Future<Output = RedisResult<T>>,
    alarm: impl Future<Output = ()>,
) -> Option<RedisResult<T>> {
    match select(pin!(call), pin!(alarm)).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}
