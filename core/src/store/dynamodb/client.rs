//! The way to a table: a client with credentials, found when first needed and renewed before they expire.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::{Builder, tls};
use futures_util::FutureExt;
use futures_util::future::{Either, Shared, select};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::config::DynamoDbConfig;
use super::credentials::{Access, FINDING, find};
use super::error::{Doing, refuses_credentials};
use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{BoxFuture, ForkGeneration, Runtime};

/// How long finding credentials may take; it goes on when the one who asked for them has given up.
const FINDING_PATIENCE: Duration = Duration::from_secs(10);
/// How long nobody looks for credentials after a failure; callers in between fail at once with the same words.
const REST: Duration = Duration::from_millis(500);
/// How long credentials that were just found and are refused all the same are not looked for again.
const REFUSED_REST: Duration = Duration::from_secs(5);

/// An attempt to find credentials; clones share its outcome.
type Attempt = Shared<BoxFuture<'static, Result<Arc<Access>>>>;

/// Sends requests; whoever asks for the first one finds the credentials, together with all others who ask meanwhile.
pub(super) struct Link {
    pub(super) config: Arc<DynamoDbConfig>,
    pub(super) runtime: Arc<Runtime>,
    process: ForkGeneration,
    http: SharedHttpClient,
    attempt_timeout: Duration,
    state: Arc<Mutex<State>>,
}

struct State {
    access: Option<Arc<Access>>,
    attempt: Option<Attempt>,
    resting: Option<(Error, Moment)>,
    /// Until when it is no use to look for better credentials: the last ones that were found are refused, too.
    refused_until: Moment,
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
            process: ForkGeneration::current(),
            runtime: Runtime::shared()?,
            http: Builder::new().tls_provider(ring).build_https(),
            attempt_timeout,
            state: Arc::new(Mutex::new(State::new())),
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
        let is_refused = |answer: &Result<T, SdkError<E>>| {
            let error = answer.as_ref().err().and_then(SdkError::as_service_error);
            error.is_some_and(|e| refuses_credentials(e.code()))
        };
        if !is_refused(&answer) || !self.forget(&access) {
            return Ok(answer);
        }
        let answer = send(self.access().await?.client.clone()).await;
        if is_refused(&answer) {
            self.state.lock().refused_until = Clock::System.now().after(REFUSED_REST);
        }
        Ok(answer)
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
            runtime.in_context(work).await
        }
    }

    /// Gives up waiting at the moment at which `response_timeout` is over.
    pub(super) async fn in_time<T>(
        &self,
        over: Moment,
        doing: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match select(pin!(work), self.runtime.sleep_until(&Clock::System, over)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                let what = format!("there was no answer within {:?}", self.config.response_timeout);
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

    async fn access(&self) -> Result<Arc<Access>> {
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

    /// Drops credentials that were refused, unless they were replaced meanwhile; returns whether to look for others.
    fn forget(&self, refused: &Arc<Access>) -> bool {
        let mut state = self.state.lock();
        let is_worthwhile = Clock::System.now() >= state.refused_until;
        if is_worthwhile && state.access.as_ref().is_some_and(|access| Arc::ptr_eq(access, refused)) {
            state.access = None;
        }
        is_worthwhile
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
    fn new() -> Self {
        let (access, attempt, resting) = (None, None, None);
        Self { access, attempt, resting, refused_until: Moment::DISTANT_PAST, tasks: JoinSet::new() }
    }

    /// Notes how an attempt ended; returns whether there were credentials before.
    fn settle(&mut self, outcome: &Result<Arc<Access>>) -> bool {
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
