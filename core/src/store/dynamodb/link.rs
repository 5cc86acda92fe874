//! The way to a table: a client with credentials, found when first needed and renewed before they expire.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    Credentials, ProvideCredentials, SharedCredentialsProvider, SharedHttpClient,
};
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::{Builder, tls};
use futures_util::FutureExt;
use futures_util::future::{Either, Shared, select};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::config::DynamoDbConfig;
use super::failure::{Doing, refuses_credentials};
use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{BoxFuture, ProcessStamp, Runtime};

/// How long finding credentials may take; it goes on when the one who asked for them has given up.
const FINDING_PATIENCE: Duration = Duration::from_secs(10);
/// How long before they expire credentials are renewed, unless that is more than a quarter of their life.
const RENEWED_BEFORE: Duration = Duration::from_secs(300);
/// How long nobody looks for credentials after a failure; callers in between fail at once with the same words.
const REST: Duration = Duration::from_millis(500);
/// How often the client tries a request before it says what is wrong, and how long it waits at first.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(25);

const FINDING: &str = "finding credentials";

/// An attempt to find credentials; clones share its outcome.
type Attempt = Shared<BoxFuture<'static, Result<Access>>>;

/// A client, and how long its credentials are good for.
#[derive(Clone)]
struct Access {
    client: Client,
    /// When to look for new credentials, and when these are worth nothing; in Unix milliseconds.
    due: i64,
    end: i64,
}

/// Sends requests; whoever asks for the first one finds the credentials, together with all others who ask meanwhile.
pub(super) struct Link {
    pub(super) config: Arc<DynamoDbConfig>,
    pub(super) runtime: Arc<Runtime>,
    process: ProcessStamp,
    http: SharedHttpClient,
    attempt_timeout: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    access: Option<Access>,
    attempt: Option<Attempt>,
    resting: Option<(Error, Moment)>,
    tasks: JoinSet<()>,
}

impl Link {
    /// Prepares to send requests, each attempt of which may take that long.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub(super) fn new(config: DynamoDbConfig, attempt_timeout: Duration) -> Result<Self> {
        // Fails when the host has chosen a cryptographic provider already, which is then as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        Ok(Self {
            config: Arc::new(config),
            process: ProcessStamp::current(),
            runtime: Runtime::shared()?,
            http: Builder::new().tls_provider(ring).build_https(),
            attempt_timeout,
            state: Arc::default(),
        })
    }

    /// Sends a request with the credentials of the moment, and once more when they turn out to be expired.
    pub(super) async fn ask<T, E, F>(&self, doing: Doing, send: impl Fn(Client) -> F) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        self.send(send).await?.map_err(|e| self.config.failure(doing, &e))
    }

    /// Does the same, and leaves it to the caller to judge what DynamoDB answered.
    ///
    /// # Errors
    /// There are no credentials to send the request with.
    pub(super) async fn send<T, E, F>(&self, send: impl Fn(Client) -> F) -> Result<Result<T, SdkError<E>>>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        let access = self.access().await?;
        let answer = send(access.client.clone()).await;
        let code = answer.as_ref().err().and_then(SdkError::as_service_error).and_then(|e| e.code());
        if !refuses_credentials(code) {
            return Ok(answer);
        }
        self.forget(&access);
        Ok(send(self.access().await?.client).await)
    }

    /// Polls a future with our runtime around it, which the client's timers and connections need.
    pub(super) fn within<'a, T>(
        &'a self,
        work: impl Future<Output = Result<T>> + Send + 'a,
    ) -> impl Future<Output = Result<T>> + Send + 'a {
        let process = self.process;
        let runtime = &self.runtime;
        async move {
            process.check()?;
            runtime.surround(work).await
        }
    }

    /// Gives up waiting after a while.
    pub(super) async fn in_time<T>(
        &self,
        patience: Duration,
        doing: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match select(pin!(work), self.pause(patience)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                let what = format!("there was no answer within {patience:?}");
                Err(self.config.error(ErrorKind::StoreTimeout, doing, &what))
            }
        }
    }

    /// Waits; may be awaited on any executor.
    pub(super) fn pause(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.runtime.sleep_until(&Clock::System, Clock::System.now().after(duration))
    }

    /// Makes sure that there are credentials.
    pub(super) async fn ready(&self) -> Result<()> {
        self.access().await.map(drop)
    }

    async fn access(&self) -> Result<Access> {
        let attempt = {
            let mut state = self.state.lock();
            let now = Clock::System.unix_millis();
            let rests = state.resting.as_ref().is_some_and(|(_, until)| Clock::System.now() < *until);
            match state.access.clone() {
                Some(access) if now < access.due => return Ok(access),
                Some(access) if now < access.end => {
                    if state.attempt.is_none() && !rests {
                        // Nobody waits for it: the present credentials are still good.
                        drop(self.start(&mut state));
                    }
                    return Ok(access);
                }
                _ => {}
            }
            match (&state.attempt, &state.resting) {
                (Some(attempt), _) => attempt.clone(),
                (None, Some((error, _))) if rests => return Err(error.clone()),
                _ => self.start(&mut state),
            }
        };
        attempt.await
    }

    /// Drops credentials that were refused, unless they were replaced meanwhile.
    fn forget(&self, refused: &Access) {
        let mut state = self.state.lock();
        if state.access.as_ref().is_some_and(|access| access.due == refused.due && access.end == refused.end)
        {
            state.access = None;
        }
    }

    /// Starts to look for credentials, in a task that no impatient caller cuts short.
    fn start(&self, state: &mut State) -> Attempt {
        let (sender, receiver) = oneshot::channel();
        let (config, http, attempt_timeout) = (self.config.clone(), self.http.clone(), self.attempt_timeout);
        // Weak, because the task lies in the state and must not keep it.
        let settling = Arc::downgrade(&self.state);
        while state.tasks.try_join_next().is_some() {}
        self.runtime.spawn_in(&mut state.tasks, async move {
            let found = tokio::time::timeout(FINDING_PATIENCE, find(&config, http, attempt_timeout)).await;
            let outcome = found.unwrap_or_else(|_| {
                let what = format!("none were found within {FINDING_PATIENCE:?}");
                Err(config.error(ErrorKind::StoreTimeout, FINDING, &what))
            });
            let had_access = settling.upgrade().is_some_and(|state| state.lock().settle(&outcome));
            if let (true, Err(error)) = (had_access, &outcome) {
                log::warn!("credentials about to expire cannot be renewed: {error}");
            }
            // Fails when nobody waits any more.
            let _ = sender.send(outcome);
        });
        let given_up =
            || Err(Error::new(ErrorKind::Closed, "the store was closed while it looked for credentials"));
        let attempt = receiver.map(move |outcome| outcome.unwrap_or_else(|_| given_up())).boxed().shared();
        state.attempt = Some(attempt.clone());
        attempt
    }
}

impl State {
    /// Notes how an attempt ended; returns whether there were credentials before.
    fn settle(&mut self, outcome: &Result<Access>) -> bool {
        let had_access = self.access.is_some();
        self.attempt = None;
        match outcome {
            Ok(access) => {
                self.access = Some(access.clone());
                self.resting = None;
            }
            Err(error) => {
                self.resting = Some((error.clone(), Clock::System.now().after(REST)));
            }
        }
        had_access
    }
}

/// Looks for a region and for credentials in the usual places, and makes a client of them.
///
/// Everything is read anew each time, so that files and variables may change while the process lives.
async fn find(config: &DynamoDbConfig, http: SharedHttpClient, attempt_timeout: Duration) -> Result<Access> {
    let mut loader = ConfigLoader::default().behavior_version(BehaviorVersion::latest()).http_client(http);
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    let sdk = loader.load().await;
    if sdk.region().is_none() {
        let what = "no region is known; name it as ?region=, in AWS_REGION, or in the profile";
        return Err(config.error(ErrorKind::InvalidConfig, FINDING, what));
    }
    let credentials = credentials(config, &sdk).await?;

    let timeouts = TimeoutConfig::builder()
        .connect_timeout(config.connect_timeout)
        .operation_attempt_timeout(attempt_timeout)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_PAUSE);
    let mut client = aws_sdk_dynamodb::config::Builder::from(&sdk)
        .credentials_provider(credentials.clone())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(endpoint) = &config.endpoint {
        client = client.endpoint_url(endpoint);
    }
    let (due, end) = lifetime(&credentials, Clock::System.unix_millis());
    Ok(Access { client: Client::from_conf(client.build()), due, end })
}

async fn credentials(config: &DynamoDbConfig, sdk: &SdkConfig) -> Result<Credentials> {
    let base = match &config.profile {
        // Who names a profile means it, also where the environment has keys, which the chain would prefer.
        Some(profile) => {
            let settings = ProviderConfig::without_region()
                .with_region(sdk.region().cloned())
                .with_http_client(sdk.http_client().expect("it was given").clone());
            let named = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&settings);
            SharedCredentialsProvider::new(named.build())
        }
        None => sdk.credentials_provider().expect("the loader has a chain of providers"),
    };
    let found = match &config.role {
        None => base.provide_credentials().await,
        Some(role) => {
            let mut assumed =
                AssumeRoleProvider::builder(&role.arn).session_name(&role.session_name).configure(sdk);
            if let Some(external_id) = &role.external_id {
                assumed = assumed.external_id(external_id);
            }
            assumed.build_from_provider(base).await.provide_credentials().await
        }
    };
    found.map_err(|e| {
        let advice = match &config.role {
            None => "there are no usable ones in the environment, a profile, a web identity, the container or the instance",
            Some(_) => "the role could not be assumed; does its trust policy name this identity and the external id?",
        };
        let what = format!("{advice} ({})", DisplayErrorContext(&e));
        config.error(ErrorKind::StorePermission, FINDING, &what)
    })
}

/// Returns when to renew credentials, and when they end, in Unix milliseconds.
fn lifetime(credentials: &Credentials, now: i64) -> (i64, i64) {
    let Some(expiry) = credentials.expiry() else { return (i64::MAX, i64::MAX) };
    let end = expiry.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let before = (end.saturating_sub(now) / 4).clamp(0, RENEWED_BEFORE.as_millis() as i64);
    (end - before, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_five_minutes_or_a_quarter_of_their_life_before_they_expire() {
        let expiring = |seconds| {
            let expiry = UNIX_EPOCH + Duration::from_secs(seconds);
            Credentials::new("id", "secret", None, Some(expiry), "test")
        };
        assert_eq!(lifetime(&expiring(10_000), 0), (9_700_000, 10_000_000));
        assert_eq!(lifetime(&expiring(900), 0), (675_000, 900_000));
        assert_eq!(lifetime(&expiring(900), 1_000_000), (900_000, 900_000), "they have expired");
        assert_eq!(lifetime(&Credentials::new("id", "secret", None, None, "test"), 5), (i64::MAX, i64::MAX));
    }
}
