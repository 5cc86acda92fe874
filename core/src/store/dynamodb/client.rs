//! Sends requests to a table, with credentials that are resolved for the first request and renewed before they expire.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::{Builder, tls};
use parking_lot::Mutex;

use super::config::DynamoDbConfig;
use super::credentials::{AuthenticatedClient, RESOLVING_CREDENTIALS, resolve_credentials};
use super::error::{Operation, refuses_credentials};
use crate::backoff::Backoff;
use crate::clock::{Clock, Moment};
use crate::error::{ErrorKind, Result};
use crate::runtime::{BoxFuture, ForkGeneration, Runtime};
use crate::shared_attempt::{AfterFailure, Purpose, SharedAttempt, Validity};

/// The limit for resolving credentials, which goes on when its callers give up.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a failure to resolve credentials; callers in between get the same error at once.
const CREDENTIALS_BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_millis(500));
/// How long credentials that were just resolved and refused are not resolved again.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// The pause before a request that failed in passing is sent again.
pub(super) const RETRY_BACKOFF: Backoff = Backoff::new(Duration::from_millis(25), Duration::from_secs(1));

/// The way to one table. Concurrent first requests share one resolution of the credentials.
pub(super) struct TableClient {
    pub(super) config: Arc<DynamoDbConfig>,
    runtime: Arc<Runtime>,
    process: ForkGeneration,
    http: SharedHttpClient,
    attempt_timeout: Duration,
    authenticated: SharedAttempt<Arc<AuthenticatedClient>>,
    /// Until when it is useless to resolve credentials again, because the last ones were refused, too.
    refused_until: Mutex<Moment>,
}

impl TableClient {
    /// Prepares to send requests; `attempt_timeout` limits each attempt of one.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub(super) fn new(config: DynamoDbConfig, attempt_timeout: Duration) -> Result<Self> {
        // Fails when the host program has chosen a cryptographic provider already, which is then as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let runtime = Runtime::shared()?;
        Ok(Self {
            config: Arc::new(config),
            process: ForkGeneration::current(),
            http: Builder::new().tls_provider(ring).build_https(),
            attempt_timeout,
            authenticated: SharedAttempt::new(
                runtime.clone(),
                Clock::System,
                CREDENTIALS_BACKOFF,
                AfterFailure::Wait,
            ),
            refused_until: Mutex::new(Moment::DISTANT_PAST),
            runtime,
        })
    }

    /// Sends a request with the present credentials, and once more when they turn out to be expired.
    pub(super) async fn request<T, E, F>(&self, operation: Operation, send: impl Fn(Client) -> F) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        self.send(send).await?.map_err(|e| self.config.request_error(operation, &e))
    }

    /// Sends a request as [`request`](Self::request) does, and returns DynamoDB's own error, for callers that
    /// classify it.
    ///
    /// # Errors
    /// There are no credentials to send the request with.
    pub(super) async fn send<T, E, F>(&self, send: impl Fn(Client) -> F) -> Result<SendResult<T, E>>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = SendResult<T, E>>,
    {
        let authenticated = self.authenticate().await?;
        let answer = send(authenticated.client.clone()).await;
        if !has_refused_credentials(&answer) || !self.discard(&authenticated) {
            return Ok(answer);
        }
        let answer = send(self.authenticate().await?.client.clone()).await;
        if has_refused_credentials(&answer) {
            *self.refused_until.lock() = Clock::System.now().after(REFUSED_PAUSE);
        }
        Ok(answer)
    }

    /// Polls a future in the context of our runtime, which the SDK's timers and connections need.
    pub(super) fn on_runtime<'a, T>(
        &'a self,
        work: impl Future<Output = Result<T>> + Send + 'a,
    ) -> impl Future<Output = Result<T>> + Send + 'a {
        let process = self.process;
        let runtime = &self.runtime;
        async move {
            process.check()?;
            runtime.in_context(work).await
        }
    }

    /// Fails at the moment at which `response_timeout` is over.
    pub(super) async fn deadline<T>(
        &self,
        at: Moment,
        operation: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.runtime.deadline(&Clock::System, at, work).await.unwrap_or_else(|_| {
            let what = format!("there was no answer within {:?}", self.config.response_timeout);
            Err(self.config.error(ErrorKind::StoreTimeout, operation, &what))
        })
    }

    /// Waits until a moment; may be awaited on any executor.
    pub(super) fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        self.runtime.sleep_until(&Clock::System, moment)
    }

    /// Waits; may be awaited on any executor.
    pub(super) fn pause(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(Clock::System.now().after(duration))
    }

    /// Makes sure that there are credentials.
    pub(super) async fn ensure_credentials(&self) -> Result<()> {
        self.authenticate().await.map(drop)
    }

    async fn authenticate(&self) -> Result<Arc<AuthenticatedClient>> {
        let now = Clock::System.unix_millis();
        let validity = |authenticated: &Arc<AuthenticatedClient>| {
            if now < authenticated.renew_at {
                Validity::Valid
            } else if now < authenticated.expires_at {
                Validity::Expiring
            } else {
                Validity::Invalid(None)
            }
        };
        self.authenticated.get(validity, |purpose| self.resolve(purpose)).await
    }

    /// Resolves credentials within a limit of their own.
    fn resolve(&self, purpose: Purpose) -> impl Future<Output = Result<Arc<AuthenticatedClient>>> + use<> {
        let runtime = self.runtime.clone();
        let config = self.config.clone();
        let http = self.http.clone();
        let attempt_timeout = self.attempt_timeout;
        async move {
            let at = Clock::System.now().after(CREDENTIALS_TIMEOUT);
            let work = resolve_credentials(&config, http, attempt_timeout);
            let outcome = runtime.deadline(&Clock::System, at, work).await.unwrap_or_else(|_| {
                let what = format!("none were found within {CREDENTIALS_TIMEOUT:?}");
                Err(config.error(ErrorKind::StoreTimeout, RESOLVING_CREDENTIALS, &what))
            });
            if let (Purpose::Renewal, Err(error)) = (purpose, &outcome) {
                log::warn!("credentials about to expire cannot be renewed: {error}");
            }
            outcome
        }
    }

    /// Discards credentials that were refused, unless they were replaced meanwhile; returns whether to resolve others.
    fn discard(&self, refused: &Arc<AuthenticatedClient>) -> bool {
        if Clock::System.now() < *self.refused_until.lock() {
            return false;
        }
        self.authenticated.discard_if(|present| Arc::ptr_eq(present, refused));
        true
    }
}

/// DynamoDB's answer to a request that was sent.
pub(super) type SendResult<T, E> = Result<T, SdkError<E>>;

fn has_refused_credentials<T, E: ProvideErrorMetadata>(answer: &SendResult<T, E>) -> bool {
    let error = answer.as_ref().err().and_then(SdkError::as_service_error);
    error.is_some_and(|e| refuses_credentials(e.code()))
}
