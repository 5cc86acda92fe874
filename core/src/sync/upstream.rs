//! Where patches come from, and what lets us in.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::Url;

use super::client;
use crate::error::{Error, ErrorKind, Result};

/// An SDK key: a secret. It is sent to the upstream and printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct SdkKey(Arc<str>);

impl SdkKey {
    /// Takes a key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when it is empty or holds anything but visible ASCII characters, which no key does.
    pub fn new(key: &str) -> Result<Self> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "the SDK key is empty, or holds white space or other characters that no key holds";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        Ok(Self(key.into()))
    }

    /// Returns the key itself, for the request.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SdkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SdkKey(secret)")
    }
}

/// How to get out of the own network.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum UpstreamProxy {
    /// As the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// Directly.
    None,
    /// Through the HTTP proxy at that URL, which may hold a user and a password.
    Url(String),
}

impl UpstreamProxy {
    /// Reads what configurations say: `environment`, `none`, or a URL.
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

/// The service that a store is kept in step with (docs/spec.md#upstream-protocol).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Where pages are fetched. Default: [`Upstream::DEFAULT_BASE_URL`].
    pub base_url: String,
    /// Where changes are streamed. Default: [`Upstream::DEFAULT_STREAM_URL`].
    pub stream_url: String,
    /// The key of the environment.
    pub sdk_key: SdkKey,
    /// The way there. Default: as the environment says.
    pub proxy: UpstreamProxy,
    /// The authorities that may vouch for the upstream, as a PEM file, read once. Default: those of the operating system.
    pub ca_file: Option<PathBuf>,
}

impl Upstream {
    /// Where the service is polled.
    pub const DEFAULT_BASE_URL: &'static str = "https://sdk.launchdarkly.com";
    /// Where the service streams.
    pub const DEFAULT_STREAM_URL: &'static str = "https://stream.launchdarkly.com";

    /// Names the public service.
    pub fn new(sdk_key: SdkKey) -> Self {
        Self {
            base_url: Self::DEFAULT_BASE_URL.to_owned(),
            stream_url: Self::DEFAULT_STREAM_URL.to_owned(),
            sdk_key,
            proxy: UpstreamProxy::default(),
            ca_file: None,
        }
    }

    /// Checks all that can be checked without asking anybody: the URLs, and the proxy and the authorities if they are given.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], naming the field.
    pub fn validate(&self) -> Result<()> {
        self.page_url()?;
        self.event_url()?;
        if let UpstreamProxy::Url(url) = &self.proxy {
            client::proxy(url)?;
        }
        match &self.ca_file {
            Some(path) => client::tls(Some(path)).map(drop),
            None => Ok(()),
        }
    }

    /// Returns where pages are.
    pub(super) fn page_url(&self) -> Result<Url> {
        join("base_url", &self.base_url, "/sdk/big-segments/revisions")
    }

    /// Returns where the stream is.
    pub(super) fn event_url(&self) -> Result<Url> {
        join("stream_url", &self.stream_url, "/big-segments")
    }
}

/// Appends a path to one of the two URLs, which is not repeated in an error, for it may hold a password.
fn join(option: &str, url: &str, path: &str) -> Result<Url> {
    let invalid = |what: &str| Err(Error::new(ErrorKind::InvalidConfig, format!("{option} {what}")));
    let Ok(parsed) = Url::parse(url) else {
        return invalid("is not a URL; one looks like https://sdk.example.com");
    };
    if !matches!(parsed.scheme(), "http" | "https") {
        return invalid("must begin with https:// or http://");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return invalid("must not hold a user or password; the SDK key is all the upstream wants");
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return invalid("must not hold a ? or a #");
    }
    Url::parse(&format!("{}{path}", parsed.as_str().trim_end_matches('/')))
        .map_err(|e| Error::new(ErrorKind::InvalidConfig, format!("{option} makes no URL: {e}")))
}
