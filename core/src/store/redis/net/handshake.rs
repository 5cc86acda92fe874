//! Connection set-up: address, TLS, login, and the initial commands of a connection.

use std::net::SocketAddr;
use std::path::Path;

use futures_util::FutureExt;
use redis::aio::{MultiplexedConnection, SendError};
use redis::io::AsyncDNSResolver;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    Pipeline, ProtocolVersion, PushInfo, RedisConnectionInfo, RedisError, RedisFuture, TlsCertificates,
    Value,
};

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Elapsed, Runtime};
use crate::store::redis::config::{RedisAddress, RedisConfig, RedisLogin, RedisTls};

const CONNECTING: &str = "connecting";
pub(super) const LOGGING_IN: &str = "logging in";
const ENABLING_RESP3: &str = "enabling RESP3";

/// Parameters of one connection handshake.
pub(crate) struct Handshake<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) config: &'a RedisConfig,
    pub(crate) address: &'a RedisAddress,
    pub(crate) login: &'a RedisLogin,
    /// Commands that are sent together with the login. The caller judges their replies.
    pub(crate) initial_commands: Pipeline,
}

impl Handshake<'_> {
    /// Connects with RESP2 and logs in, within `connect_timeout`. Returns the replies to the
    /// initial commands.
    ///
    /// Must be awaited on the library's runtime.
    pub(crate) async fn connect(self) -> Result<(MultiplexedConnection, Vec<Value>)> {
        self.within_timeout(self.connect_resp2()).await
    }

    /// Connects with RESP3 and logs in, within `connect_timeout`, so that the server can send push
    /// messages. The initial commands are not sent.
    ///
    /// Must be awaited on the library's runtime.
    pub(crate) async fn connect_with_push(
        self,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection> {
        self.within_timeout(self.connect_resp3(on_push)).await
    }

    async fn within_timeout<T>(&self, connecting: impl Future<Output = Result<T>>) -> Result<T> {
        let timeout = self.config.connect_timeout;
        let clock = &Clock::System;
        let deadline = clock.now().after(timeout);
        self.runtime.deadline(clock, deadline, connecting).await.unwrap_or_else(|Elapsed| {
            let message = format!("no reply within {timeout:?}; check the address and the network");
            Err(self.error(ErrorKind::StoreTimeout, &message))
        })
    }

    fn error(&self, kind: ErrorKind, message: &str) -> Error {
        self.config.error_at(self.address).error(kind, CONNECTING, message)
    }

    async fn connect_resp2(&self) -> Result<(MultiplexedConnection, Vec<Value>)> {
        let context = self.config.error_at(self.address);
        let client = self.client(RedisConnectionInfo::default())?;
        let mut redis = client
            .get_multiplexed_async_connection_with_config(&self.settings())
            .await
            .map_err(|e| context.connection_error(CONNECTING, &e))?;

        // Not left to redis-rs, which reports any error as a wrong password.
        let mut commands = Pipeline::new();
        if let Some(user) = &self.login.user {
            commands.cmd("AUTH").arg(user).arg(self.login.password.as_deref().unwrap_or_default());
        } else if let Some(password) = &self.login.password {
            commands.cmd("AUTH").arg(password);
        }
        let has_login = !commands.is_empty();
        for command in self.initial_commands.cmd_iter() {
            commands.add_command(command.clone());
        }
        if commands.is_empty() {
            return Ok((redis, Vec::new()));
        }
        let replies = redis.send_packed_commands(&commands, 0, commands.len()).await;
        let mut replies = replies.map_err(|e| context.connection_error(LOGGING_IN, &e))?;
        if has_login && let Value::ServerError(e) = replies.remove(0) {
            return Err(context.server_error(LOGGING_IN, &e));
        }
        Ok((redis, replies))
    }

    /// Here redis-rs logs in, because it sends `HELLO` before any command of its caller.
    async fn connect_resp3(
        &self,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection> {
        let mut login = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        if self.login.user.is_some() || self.login.password.is_some() {
            login = login.set_password(self.login.password.as_deref().unwrap_or_default());
        }
        if let Some(user) = &self.login.user {
            login = login.set_username(user);
        }
        let push_sender = move |push| {
            on_push(push);
            Ok::<(), SendError>(())
        };
        let settings = self.settings().set_push_sender(push_sender);
        let connected = self.client(login)?.get_multiplexed_async_connection_with_config(&settings).await;
        connected.map_err(|e| {
            let context = self.config.error_at(self.address);
            match e.kind() {
                redis::ErrorKind::Io | redis::ErrorKind::AuthenticationFailed => {
                    context.connection_error(CONNECTING, &e)
                }
                _ => {
                    let error = context.connection_error(ENABLING_RESP3, &e);
                    Error::new(ErrorKind::Unsupported, error.message().to_owned())
                }
            }
        })
    }

    /// Disables the timeouts of redis-rs, which work only for callers in a tokio runtime.
    fn settings(&self) -> AsyncConnectionConfig {
        let settings = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        match (self.address, &self.config.tls) {
            (RedisAddress::Tcp(host, _), Some(RedisTls { server_name: Some(_), .. })) => {
                settings.set_dns_resolver(FixedHostResolver(host.clone()))
            }
            _ => settings,
        }
    }

    fn client(&self, login: RedisConnectionInfo) -> Result<Client> {
        let invalid = |e: RedisError| {
            let message = format!("the address or the certificates are not valid: {e}");
            self.error(ErrorKind::InvalidConfig, &message)
        };
        let address = match (self.address, &self.config.tls) {
            (RedisAddress::Unix(path), _) => ConnectionAddr::Unix(path.clone()),
            (RedisAddress::Tcp(host, port), None) => ConnectionAddr::Tcp(host.clone(), *port),
            (RedisAddress::Tcp(host, port), Some(tls)) => ConnectionAddr::TcpTls {
                // redis-rs expects this name in the certificate; `FixedHostResolver` resolves the
                // host.
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
        match &self.config.tls {
            None => Client::open(info).map_err(invalid),
            Some(tls) => Client::build_with_tls(info, self.certificates(tls)?).map_err(invalid),
        }
    }

    fn certificates(&self, tls: &RedisTls) -> Result<TlsCertificates> {
        // Fails if the process has installed a provider already, which then serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let root_cert = match &tls.ca_file {
            None => None,
            Some(file) => Some(self.read_file("ca_file", file)?),
        };
        let client_tls = match &tls.client {
            None => None,
            Some((certificate, key)) => Some(ClientTlsConfig {
                client_cert: self.read_file("cert_file", certificate)?,
                client_key: self.read_file("key_file", key)?,
            }),
        };
        Ok(TlsCertificates { client_tls, root_cert })
    }

    fn read_file(&self, option: &str, path: &Path) -> Result<Vec<u8>> {
        std::fs::read(path).map_err(|e| {
            let message = format!("cannot read {option} {}: {e}", path.display());
            self.error(ErrorKind::InvalidConfig, &message)
        })
    }
}

/// Resolves one host whatever name is asked for, so that the certificate can have another name than
/// the host.
struct FixedHostResolver(String);

impl AsyncDNSResolver for FixedHostResolver {
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
