//! Getting in to a server: address, encryption, login, and the first commands on a connection.

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

use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::config::{RedisAddress, RedisConfig, RedisLogin, RedisTls};

const CONNECTING: &str = "connecting";

/// What to do at a server's door, besides what the configuration says of all servers.
pub(crate) struct Door<'a> {
    pub(crate) config: &'a RedisConfig,
    pub(crate) address: &'a RedisAddress,
    pub(crate) login: &'a RedisLogin,
    /// The first commands; their replies are for the caller to judge.
    pub(crate) greeting: Pipeline,
}

impl Door<'_> {
    /// Connects, logs in and greets, in time. To be awaited on our runtime.
    pub(crate) async fn enter(self) -> Result<(MultiplexedConnection, Vec<Value>)> {
        self.in_time(self.knock()).await
    }

    /// Connects and logs in with RESP3, so that the server may speak unasked.
    pub(crate) async fn enter_listening(
        self,
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection> {
        self.in_time(self.listen(hear)).await
    }

    async fn in_time<T>(&self, entering: impl Future<Output = Result<T>>) -> Result<T> {
        let timeout = self.config.connect_timeout;
        tokio::time::timeout(timeout, entering).await.unwrap_or_else(|_| {
            let what = format!(
                "there was no answer within {timeout:?}; is the address right, and the way there open?"
            );
            Err(self.error(ErrorKind::StoreTimeout, &what))
        })
    }

    fn error(&self, kind: ErrorKind, what: &str) -> Error {
        self.config.at(self.address).error(kind, CONNECTING, what)
    }

    async fn knock(&self) -> Result<(MultiplexedConnection, Vec<Value>)> {
        let site = self.config.at(self.address);
        let client = self.client(RedisConnectionInfo::default())?;
        let mut redis = client
            .get_multiplexed_async_connection_with_config(&self.settings())
            .await
            .map_err(|e| site.failure(CONNECTING, &e))?;

        // Not left to the library, which takes any error for a wrong password.
        let mut commands = Pipeline::new();
        if let Some(user) = &self.login.user {
            commands.cmd("AUTH").arg(user).arg(self.login.password.as_deref().unwrap_or_default());
        } else if let Some(password) = &self.login.password {
            commands.cmd("AUTH").arg(password);
        }
        let logs_in = !commands.is_empty();
        for command in self.greeting.cmd_iter() {
            commands.add_command(command.clone());
        }
        if commands.is_empty() {
            return Ok((redis, Vec::new()));
        }
        let replies = redis.send_packed_commands(&commands, 0, commands.len()).await;
        let mut replies = replies.map_err(|e| site.failure("logging in", &e))?;
        if logs_in && let Value::ServerError(e) = replies.remove(0) {
            return Err(site.refusal("logging in", &e));
        }
        Ok((redis, replies))
    }

    /// Here the library logs in, for it greets the server before anything of ours is sent.
    async fn listen(&self, hear: impl Fn(PushInfo) + Send + Sync + 'static) -> Result<MultiplexedConnection> {
        let mut login = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        if self.login.user.is_some() || self.login.password.is_some() {
            login = login.set_password(self.login.password.as_deref().unwrap_or_default());
        }
        if let Some(user) = &self.login.user {
            login = login.set_username(user);
        }
        let tell = move |push| {
            hear(push);
            Ok::<(), SendError>(())
        };
        let settings = self.settings().set_push_sender(tell);
        let site = self.config.at(self.address);
        self.client(login)?.get_multiplexed_async_connection_with_config(&settings).await.map_err(|e| match e
            .kind()
        {
            redis::ErrorKind::Io | redis::ErrorKind::AuthenticationFailed => site.failure(CONNECTING, &e),
            _ => {
                let refusal = site.failure("greeting the server with RESP3", &e);
                Error::new(ErrorKind::Unsupported, refusal.message().to_owned())
            }
        })
    }

    /// Timeouts are ours: the library's would need its callers to be on our runtime, too.
    fn settings(&self) -> AsyncConnectionConfig {
        let settings = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        match (self.address, &self.config.tls) {
            (RedisAddress::Tcp(host, _), Some(RedisTls { server_name: Some(_), .. })) => {
                settings.set_dns_resolver(HostOf(host.clone()))
            }
            _ => settings,
        }
    }

    fn client(&self, login: RedisConnectionInfo) -> Result<Client> {
        let invalid = |e: RedisError| {
            let what = format!("the address or the certificates cannot be used: {e}");
            self.error(ErrorKind::InvalidConfig, &what)
        };
        let address = match (self.address, &self.config.tls) {
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
        let Some(tls) = &self.config.tls else { return Client::open(info).map_err(invalid) };

        // Fails when the process has chosen a provider already, which is then as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = |name: &str, path: &Path| {
            std::fs::read(path).map_err(|e| {
                let what = format!("cannot read {name} {}: {e}", path.display());
                self.error(ErrorKind::InvalidConfig, &what)
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
