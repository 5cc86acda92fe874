//! Sends requests to a table. Credentials are resolved for the first request, and renewed before
//! they expire.

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

/// The timeout of resolving credentials, which continues if its callers give up.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a failure to resolve credentials. Callers get the same error at once meanwhile.
const CREDENTIALS_BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_millis(500));
/// The pause before credentials are resolved again that were refused although they were new.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// The pause before a request with a transient failure is sent again.
pub(super) const RETRY_BACKOFF: Backoff = Backoff::new(Duration::from_millis(25), Duration::from_secs(1));

/// A client of one table. Concurrent first requests share one resolution of the credentials.
pub(super) struct TableClient {
    pub(super) config: Arc<DynamoDbConfig>,
    runtime: Arc<Runtime>,
    process: ForkGeneration,
    http: SharedHttpClient,
    attempt_timeout: Duration,
    authenticated: SharedAttempt<Arc<AuthenticatedClient>>,
    /// Credentials are not resolved again before this moment, because the last ones were refused.
    refused_until: Mutex<Moment>,
}

impl TableClient {
    /// Creates a client; `attempt_timeout` is the timeout of each attempt of a request.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub(super) fn new(config: DynamoDbConfig, attempt_timeout: Duration) -> Result<Self> {
        // Fails if the process has installed a provider already, which then serves as well.
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

    /// Sends a request with the current credentials, and once more with new ones if they were
    /// refused.
    pub(super) async fn request<T, E, F>(&self, operation: Operation, send: impl Fn(Client) -> F) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        self.send(send).await?.map_err(|e| self.config.request_error(operation, &e))
    }

    /// Sends a request as [`request`](Self::request) does, and returns DynamoDB's own error, for
    /// callers that classify it.
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

    /// Polls a future in the context of the library's runtime, which the SDK's timers and
    /// connections need.
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

    /// Ensures that there are credentials.
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

    /// Resolves credentials, with their own timeout.
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

    /// Discards credentials that were refused, unless they were replaced meanwhile. Returns whether
    /// to resolve others.
    fn discard(&self, refused: &Arc<AuthenticatedClient>) -> bool {
        if Clock::System.now() < *self.refused_until.lock() {
            return false;
        }
        self.authenticated.discard_if(|present| Arc::ptr_eq(present, refused));
        true
    }
}

/// The response of DynamoDB to a request.
pub(super) type SendResult<T, E> = Result<T, SdkError<E>>;

fn has_refused_credentials<T, E: ProvideErrorMetadata>(answer: &SendResult<T, E>) -> bool {
    let error = answer.as_ref().err().and_then(SdkError::as_service_error);
    error.is_some_and(|e| refuses_credentials(e.code()))
}
