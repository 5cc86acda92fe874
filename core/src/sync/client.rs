//! The HTTP client of one worker: sends requests to the upstream and classifies the responses.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use tokio::sync::watch;

use super::config::SyncConfig;
use super::retry::AttemptError;
use super::tls::tls_config;
use super::upstream::{SdkKey, UpstreamProxy, parse_proxy};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Elapsed, Runtime};

const MAX_REDIRECTS: usize = 3;
const USER_AGENT: &str = concat!("libbigseg/", env!("CARGO_PKG_VERSION"));

/// The client, and what is needed to time its responses out.
pub(super) struct UpstreamClient {
    http: Client,
    pub(super) page_url: Url,
    pub(super) stream_url: Url,
    sdk_keys: watch::Receiver<SdkKey>,
    pub(super) runtime: Arc<Runtime>,
    pub(super) clock: Clock,
    pub(super) response_timeout: Duration,
    pub(super) stream_idle_timeout: Duration,
}

impl UpstreamClient {
    /// Creates the client; each request uses the SDK key that `sdk_keys` holds at that time.
    pub(super) fn new(
        config: &SyncConfig,
        sdk_keys: watch::Receiver<SdkKey>,
        runtime: Arc<Runtime>,
    ) -> Result<Self> {
        let upstream = &config.upstream;
        let builder = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::limited(MAX_REDIRECTS))
            .tls_backend_preconfigured(tls_config(upstream.ca_file.as_deref())?);
        let builder = match &upstream.proxy {
            UpstreamProxy::Environment => builder,
            UpstreamProxy::None => builder.no_proxy(),
            UpstreamProxy::Url(url) => builder.proxy(parse_proxy(url)?),
        };
        let http = builder.build().map_err(|e| {
            let message = format!("creating the HTTP client: {}", root_message(&e));
            Error::new(ErrorKind::InvalidConfig, message)
        })?;
        Ok(Self {
            http,
            page_url: upstream.poll_endpoint()?,
            stream_url: upstream.stream_endpoint()?,
            sdk_keys,
            runtime,
            clock: config.clock.clone(),
            response_timeout: config.response_timeout,
            stream_idle_timeout: config.stream_idle_timeout,
        })
    }

    /// Requests the page after `cursor`, or the first page if it is absent or empty.
    pub(super) async fn get_page(&self, cursor: Option<&str>) -> Result<Response, AttemptError> {
        let mut url = self.page_url.clone();
        if let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) {
            url.query_pairs_mut().append_pair("after", cursor);
        }
        let request = self.http.get(url).header(ACCEPT, "application/json");
        self.send(request, &self.page_url).await
    }

    /// Requests the event stream.
    pub(super) async fn get_stream(&self) -> Result<Response, AttemptError> {
        let request = self
            .http
            .get(self.stream_url.clone())
            .header(ACCEPT, "text/event-stream")
            // A compressor might hold an event back until the next one.
            .header(ACCEPT_ENCODING, "identity")
            .header(CACHE_CONTROL, "no-store");
        self.send(request, &self.stream_url).await
    }

    async fn send(&self, request: RequestBuilder, url: &Url) -> Result<Response, AttemptError> {
        let mut sdk_key = HeaderValue::from_str(self.sdk_keys.borrow().expose_secret()).map_err(|_| {
            let what = "the SDK key is not valid in an HTTP header";
            AttemptError::upstream(ErrorKind::Internal, url, what)
        })?;
        sdk_key.set_sensitive(true);
        let timeout = self.response_timeout;
        let deadline = self.clock.now().after(timeout);
        let response = request.header(AUTHORIZATION, sdk_key).send();
        match self.runtime.deadline(&self.clock, deadline, response).await {
            Ok(Ok(response)) => check_status(response, url),
            Ok(Err(e)) => Err(transport_error(url, &e)),
            Err(Elapsed) => {
                let what = format!("no response within {timeout:?}");
                Err(AttemptError::upstream(ErrorKind::UpstreamTimeout, url, &what))
            }
        }
    }
}

/// Returns the response if its status is 200, and an error that classifies its status otherwise.
fn check_status(response: Response, url: &Url) -> Result<Response, AttemptError> {
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(response);
    }
    let (kind, what) = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            ErrorKind::UpstreamRefused,
            "the SDK key was refused; check it, and the environment it belongs to",
        ),
        StatusCode::NOT_FOUND => (ErrorKind::UpstreamRefused, "not found; check the URL"),
        StatusCode::TOO_MANY_REQUESTS => (ErrorKind::UpstreamUnavailable, "too many requests"),
        status if status.is_server_error() => (ErrorKind::UpstreamUnavailable, "the upstream failed"),
        _ => (ErrorKind::UpstreamUnavailable, "unexpected response"),
    };
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
    let error = AttemptError::upstream(kind, url, &format!("{what} (HTTP {})", status.as_u16()));
    Err(AttemptError {
        http_status: Some(status.as_u16()),
        retry_after: retry_after.map(Duration::from_secs),
        ..error
    })
}

/// Converts an error of the HTTP library.
pub(super) fn transport_error(url: &Url, error: &reqwest::Error) -> AttemptError {
    let is_corrupt = is_decompression_error(error);
    let what = if error.is_connect() {
        "cannot connect"
    } else if error.is_redirect() {
        "too many redirects"
    } else if is_corrupt {
        "decompressing the response"
    } else {
        "the connection broke"
    };
    let kind = if is_corrupt { ErrorKind::UpstreamData } else { ErrorKind::UpstreamUnavailable };
    AttemptError::upstream(kind, url, &format!("{what}: {}", root_message(error)))
}

/// Returns whether the compressed data are invalid. The library reports a connection that breaks in
/// the middle of them as the same kind of error; only the root cause distinguishes them.
fn is_decompression_error(error: &reqwest::Error) -> bool {
    let Some(root) = root_cause(error).downcast_ref::<std::io::Error>() else { return false };
    let is_invalid =
        matches!(root.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput);
    error.is_decode() && is_invalid
}

/// Returns the innermost error.
fn root_cause(error: &reqwest::Error) -> &(dyn std::error::Error + 'static) {
    let mut root: &(dyn std::error::Error + 'static) = error;
    while let Some(inner) = root.source() {
        root = inner;
    }
    root
}

/// Returns the message of the innermost error. The outer ones repeat URLs, which may contain the
/// password of a proxy.
fn root_message(error: &reqwest::Error) -> String {
    let root = root_cause(error);
    if root.is::<reqwest::Error>() { "the HTTP library gave no reason".to_owned() } else { root.to_string() }
}
