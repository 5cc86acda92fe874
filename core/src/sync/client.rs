//! Speaks HTTP with the upstream: one request, and whether its answer may be read on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Proxy, RequestBuilder, Response, StatusCode, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::watch;

use super::retry::Failure;
use super::upstream::{SdkKey, Upstream, UpstreamProxy};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Runtime;

const REDIRECTS: usize = 3;
const USER_AGENT: &str = concat!("libbigseg/", env!("CARGO_PKG_VERSION"));

/// The client of one worker.
pub(super) struct UpstreamClient {
    http: Client,
    page_url: Url,
    event_url: Url,
    keys: watch::Receiver<SdkKey>,
    runtime: Arc<Runtime>,
    clock: Clock,
    response_timeout: Duration,
}

impl UpstreamClient {
    /// Prepares to ask; `keys` holds the key to ask with, whenever.
    pub(super) fn new(
        upstream: &Upstream,
        keys: watch::Receiver<SdkKey>,
        runtime: Arc<Runtime>,
        clock: Clock,
        response_timeout: Duration,
    ) -> Result<Self> {
        let (page_url, event_url) = (upstream.page_url()?, upstream.event_url()?);
        let mut http = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
            .tls_backend_preconfigured(tls(upstream.ca_file.as_deref())?);
        http = match &upstream.proxy {
            UpstreamProxy::Environment => http,
            UpstreamProxy::None => http.no_proxy(),
            UpstreamProxy::Url(url) => http.proxy(proxy(url)?),
        };
        let http = http.build().map_err(|e| {
            let message = format!("the HTTP client cannot be made: {}", root_cause(&e));
            Error::new(ErrorKind::InvalidConfig, message)
        })?;
        Ok(Self { http, page_url, event_url, keys, runtime, clock, response_timeout })
    }

    /// Asks for the page after a cursor, or the first one.
    pub(super) async fn page(&self, cursor: Option<&str>) -> Result<Response, Failure> {
        let mut url = self.page_url.clone();
        if let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) {
            url.query_pairs_mut().append_pair("after", cursor);
        }
        self.send(self.http.get(url).header(ACCEPT, "application/json"), &self.page_place()).await
    }

    /// Asks for the stream.
    pub(super) async fn events(&self) -> Result<Response, Failure> {
        let request = self.http.get(self.event_url.clone()).header(ACCEPT, "text/event-stream");
        // Compressed, an event might wait in the compressor for the next one.
        let request = request.header(ACCEPT_ENCODING, "identity").header(CACHE_CONTROL, "no-store");
        self.send(request, &self.event_place()).await
    }

    /// Returns where pages are, for a person.
    pub(super) fn page_place(&self) -> String {
        self.page_url.to_string()
    }

    /// Returns where the stream is, for a person.
    pub(super) fn event_place(&self) -> String {
        self.event_url.to_string()
    }

    async fn send(&self, request: RequestBuilder, place: &str) -> Result<Response, Failure> {
        let mut key = HeaderValue::from_str(self.keys.borrow().reveal()).map_err(|_| {
            Failure::upstream(ErrorKind::Internal, place, "the SDK key does not fit into a header")
        })?;
        key.set_sensitive(true);
        let alarm = self.runtime.sleep_until(&self.clock, self.clock.now().after(self.response_timeout));
        let answer = std::pin::pin!(request.header(AUTHORIZATION, key).send());
        match select(answer, alarm).await {
            Either::Left((Ok(response), _)) => judge(response, place),
            Either::Left((Err(e), _)) => Err(broken(place, &e)),
            Either::Right(_) => {
                let what = format!("there was no answer within {:?}", self.response_timeout);
                Err(Failure::upstream(ErrorKind::UpstreamTimeout, place, &what))
            }
        }
    }
}

/// Lets an answer pass that holds what was asked for.
fn judge(response: Response, place: &str) -> Result<Response, Failure> {
    let status = response.status();
    let (kind, what) = match status {
        StatusCode::OK => return Ok(response),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            ErrorKind::UpstreamRefused,
            "the SDK key was refused; is it the right one, of the right environment?",
        ),
        StatusCode::NOT_FOUND => (ErrorKind::UpstreamRefused, "there is nothing there; is the URL right?"),
        StatusCode::TOO_MANY_REQUESTS => {
            (ErrorKind::UpstreamUnavailable, "the upstream wants to be asked less often")
        }
        status if status.is_server_error() => (ErrorKind::UpstreamUnavailable, "the upstream failed"),
        _ => (ErrorKind::UpstreamUnavailable, "this is no answer to what was asked"),
    };
    let wish = response.headers().get(RETRY_AFTER).and_then(|wish| wish.to_str().ok()?.parse().ok());
    let failure = Failure::upstream(kind, place, &format!("{what} (HTTP {})", status.as_u16()));
    Err(Failure { status: Some(status.as_u16()), retry_after: wish.map(Duration::from_secs), ..failure })
}

/// Words what became of a request or of its answer.
pub(super) fn broken(place: &str, error: &reqwest::Error) -> Failure {
    let what = if error.is_connect() {
        "cannot connect"
    } else if error.is_redirect() {
        "redirected too often"
    } else if is_corrupt(error) {
        "the answer cannot be unpacked"
    } else {
        "the connection broke"
    };
    let kind = if is_corrupt(error) { ErrorKind::UpstreamData } else { ErrorKind::UpstreamUnavailable };
    Failure::upstream(kind, place, &format!("{what}: {}", root_cause(error)))
}

/// Returns whether compressed data made no sense; the library says the same of a connection that broke in their midst.
fn is_corrupt(error: &reqwest::Error) -> bool {
    let root = root(error).downcast_ref::<std::io::Error>();
    let kinds = [std::io::ErrorKind::InvalidData, std::io::ErrorKind::InvalidInput];
    error.is_decode() && root.is_some_and(|root| kinds.contains(&root.kind()))
}

/// Returns the innermost error.
fn root(error: &reqwest::Error) -> &(dyn std::error::Error + 'static) {
    let mut root: &(dyn std::error::Error + 'static) = error;
    while let Some(inner) = root.source() {
        root = inner;
    }
    root
}

/// Returns the innermost reason; the outer ones repeat URLs, which may hold a proxy's password.
fn root_cause(error: &reqwest::Error) -> String {
    let root = root(error);
    match root.is::<reqwest::Error>() {
        true => "the HTTP library does not say why".to_owned(),
        false => root.to_string(),
    }
}

/// Reads the URL of a proxy.
pub(super) fn proxy(url: &str) -> Result<Proxy> {
    Proxy::all(url).map_err(|_| {
        // Its words might repeat a password.
        let message = "the proxy is not a URL; one looks like http://proxy.example.com:3128";
        Error::new(ErrorKind::InvalidConfig, message)
    })
}

/// Makes TLS settings of our own: the library's would want a provider for the whole process.
pub(super) fn tls(ca_file: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unreadable = |what: &dyn std::fmt::Display| {
                let message = format!("ca_file {}: {what}", path.display());
                Error::new(ErrorKind::InvalidConfig, message)
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unreadable(&e))? {
                roots.add(certificate.map_err(|e| unreadable(&e))?).map_err(|e| unreadable(&e))?;
            }
            if roots.is_empty() {
                return Err(unreadable(&"there is no certificate in it"));
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::with_source(ErrorKind::Internal, "TLS cannot be set up", e))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
