//! What went wrong, with what the retry and the error list need to know of it.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// A failure of the upstream or of the store.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// The status of the upstream's answer, if it gave one.
    pub(super) status: Option<u16>,
    /// How long the upstream wishes not to be asked.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    /// Builds a failure of the upstream.
    pub(super) fn upstream(kind: ErrorKind, place: &str, what: &str) -> Self {
        Error::new(kind, format!("{place}: {what}")).into()
    }

    /// Returns whether a person must act before another attempt can succeed.
    pub(super) fn is_refusal(&self) -> bool {
        self.error.kind() == ErrorKind::UpstreamRefused
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, status: None, retry_after: None }
    }
}
