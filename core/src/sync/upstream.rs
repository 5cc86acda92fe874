//! The upstream: the service that patches come from, and the credentials and the route to it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::{Proxy, Url};

use super::tls::tls_config;
use crate::error::{Error, ErrorKind, Result};

/// An SDK key: a secret, which is sent to the upstream and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SdkKey(Arc<str>);

impl SdkKey {
    /// Validates a key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when it is empty or contains anything but visible ASCII
    /// characters.
    pub fn new(key: &str) -> Result<Self> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "the SDK key is empty, or holds white space or other characters that no key holds";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        Ok(Self(key.into()))
    }

    /// Returns the key as text, for the `Authorization` header.
    pub(super) fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SdkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SdkKey(secret)")
    }
}

/// The HTTP proxy through which the upstream is reached.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum UpstreamProxy {
    /// The one in the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    #[default]
    Environment,
    /// No proxy.
    None,
    /// The proxy at that URL, which may contain a user and a password.
    Url(String),
}

impl UpstreamProxy {
    /// Parses the form that configurations use: `environment`, `none`, or a URL.
    pub fn parse(text: &str) -> Self {
        match text {
            "environment" => Self::Environment,
            "none" => Self::None,
            url => Self::Url(url.to_owned()),
        }
    }
}

impl fmt::Debug for UpstreamProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::None => "None",
            Self::Url(_) => "Url(secret)",
        })
    }
}

/// The service that a store is kept in sync with (docs/spec.md#upstream-protocol).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Base URL for polling. Default: [`Upstream::DEFAULT_BASE_URL`].
    pub base_url: String,
    /// Base URL for streaming. Default: [`Upstream::DEFAULT_STREAM_URL`].
    pub stream_url: String,
    /// The SDK key, which selects the environment.
    pub sdk_key: SdkKey,
    /// The proxy. Default: [`UpstreamProxy::Environment`].
    pub proxy: UpstreamProxy,
    /// PEM file with the certificate authorities to trust, read once at the start. Default: those
    /// of the operating system.
    pub ca_file: Option<PathBuf>,
}

impl Upstream {
    /// Base URL for polling the public service.
    pub const DEFAULT_BASE_URL: &'static str = "https://sdk.launchdarkly.com";
    /// Base URL for streaming from the public service.
    pub const DEFAULT_STREAM_URL: &'static str = "https://stream.launchdarkly.com";

    /// Uses the public service; every other option has its default.
    pub fn new(sdk_key: SdkKey) -> Self {
        Self {
            base_url: Self::DEFAULT_BASE_URL.to_owned(),
            stream_url: Self::DEFAULT_STREAM_URL.to_owned(),
            sdk_key,
            proxy: UpstreamProxy::default(),
            ca_file: None,
        }
    }

    /// Checks everything that needs no connection: the URLs, the proxy and the certificate
    /// authorities.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`]; the message names the field.
    pub fn validate(&self) -> Result<()> {
        self.poll_endpoint()?;
        self.stream_endpoint()?;
        if let UpstreamProxy::Url(url) = &self.proxy {
            parse_proxy(url)?;
        }
        if let Some(path) = &self.ca_file {
            tls_config(Some(path))?;
        }
        Ok(())
    }

    /// Returns the URL of the pages of patches.
    pub(super) fn poll_endpoint(&self) -> Result<Url> {
        endpoint("base_url", &self.base_url, "/sdk/big-segments/revisions")
    }

    /// Returns the URL of the event stream.
    pub(super) fn stream_endpoint(&self) -> Result<Url> {
        endpoint("stream_url", &self.stream_url, "/big-segments")
    }
}

/// Appends a path to a base URL. Errors do not repeat the URL, which may contain a password.
fn endpoint(option: &str, base_url: &str, path: &str) -> Result<Url> {
    let invalid = |what: &str| Err(Error::new(ErrorKind::InvalidConfig, format!("{option} {what}")));
    let Ok(parsed) = Url::parse(base_url) else {
        return invalid("is not a URL; one looks like https://sdk.example.com");
    };
    if !matches!(parsed.scheme(), "http" | "https") {
        return invalid("must begin with https:// or http://");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return invalid("must not contain a user or password; the upstream needs only the SDK key");
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return invalid("must not contain a ? or a #");
    }
    Url::parse(&format!("{}{path}", parsed.as_str().trim_end_matches('/'))).map_err(|e| {
        let message = format!("{option} does not form a URL with the path {path}: {e}");
        Error::new(ErrorKind::InvalidConfig, message)
    })
}

/// Parses the URL of a proxy.
pub(super) fn parse_proxy(url: &str) -> Result<Proxy> {
    // The library's message may repeat a password.
    Proxy::all(url).map_err(|_| {
        let message = "the proxy is not a URL; one looks like http://proxy.example.com:3128";
        Error::new(ErrorKind::InvalidConfig, message)
    })
}
