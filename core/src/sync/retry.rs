//! Why an attempt to synchronise ended, and how long to wait before the next one.

use std::fmt::Display;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::error::{Error, ErrorKind};

/// The longest `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// A failure of the upstream or of the store.
#[derive(Debug, Clone)]
pub(super) struct AttemptError {
    pub(super) error: Error,
    /// The HTTP status of the upstream's response, if there was one.
    pub(super) http_status: Option<u16>,
    /// The `Retry-After` of that response.
    pub(super) retry_after: Option<Duration>,
}

impl AttemptError {
    /// Creates a failure of the upstream at `url`.
    pub(super) fn upstream(kind: ErrorKind, url: &impl Display, what: &str) -> Self {
        Error::new(kind, format!("{url}: {what}")).into()
    }

    /// Returns whether only a person can fix it, such as a wrong SDK key.
    pub(super) fn needs_operator(&self) -> bool {
        self.error.kind() == ErrorKind::UpstreamRefused
    }
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        Self { error, http_status: None, retry_after: None }
    }
}

/// Why an attempt ended.
#[derive(Debug)]
pub(super) enum ExitReason {
    /// The worker is to stop.
    Stopped,
    /// There is a new SDK key.
    KeyRotated,
    /// The poll after opening the stream found changes, so some may be missing from the stream.
    ChangedDuringConnect,
    /// The store's cursor is not the expected one: poll again from where it is.
    OutOfOrder,
    /// The upstream or the store failed.
    Failed(AttemptError),
}

impl From<AttemptError> for ExitReason {
    fn from(error: AttemptError) -> Self {
        Self::Failed(error)
    }
}

impl From<Error> for ExitReason {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Computes the delay before the next attempt.
#[derive(Debug, Clone)]
pub(super) struct RetryPolicy {
    backoff: Backoff,
    /// The backoff after a failure that only a person can fix.
    refused_backoff: Backoff,
    /// The number of attempts in a row that achieved nothing.
    failures: u32,
}

impl RetryPolicy {
    pub(super) fn new(min_backoff: Duration, max_backoff: Duration, refused_backoff: Duration) -> Self {
        Self {
            backoff: Backoff::new(min_backoff, max_backoff),
            refused_backoff: Backoff::new(refused_backoff, refused_backoff),
            failures: 0,
        }
    }

    /// Starts again from the shortest delay, because something was achieved.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns the next delay: between half of the backoff and all of it, and at least the
    /// upstream's `Retry-After`.
    pub(super) fn next_delay(&mut self, error: Option<&AttemptError>) -> Duration {
        let backoff = if error.is_some_and(AttemptError::needs_operator) {
            self.refused_backoff.equal_jitter(0)
        } else {
            let backoff = self.backoff.equal_jitter(self.failures);
            self.failures = self.failures.saturating_add(1);
            backoff
        };
        let retry_after = error.and_then(|error| error.retry_after).unwrap_or_default();
        backoff.max(retry_after.min(MAX_RETRY_AFTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy::new(Duration::from_secs(1), Duration::from_secs(60), Duration::from_secs(300))
    }

    #[track_caller]
    fn assert_between(delay: Duration, min: f64, max: f64) {
        assert!((min..=max).contains(&delay.as_secs_f64()), "{delay:?} is not in {min}..{max}");
    }

    #[test]
    fn delays_double_up_to_the_longest_and_never_vanish() {
        for _ in 0..50 {
            let mut policy = policy();
            for backoff in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0] {
                assert_between(policy.next_delay(None), backoff / 2.0, backoff);
            }
            for _ in 0..100 {
                policy.next_delay(None);
            }
            assert_between(policy.next_delay(None), 30.0, 60.0);
            policy.reset();
            assert_between(policy.next_delay(None), 0.5, 1.0);
        }
    }

    #[test]
    fn no_two_workers_wait_equally_long() {
        let delays: std::collections::BTreeSet<_> = (0..50).map(|_| policy().next_delay(None)).collect();
        assert!(delays.len() > 40, "{delays:?}");
    }

    #[test]
    fn a_refusal_is_retried_rarely_and_retry_after_is_honoured_up_to_a_limit() {
        let error = Error::new(ErrorKind::UpstreamRefused, "no");
        let mut failure = AttemptError { error, http_status: Some(401), retry_after: None };
        assert_between(policy().next_delay(Some(&failure)), 150.0, 300.0);
        failure.error = Error::new(ErrorKind::UpstreamUnavailable, "busy");
        failure.retry_after = Some(Duration::from_secs(20));
        assert_between(policy().next_delay(Some(&failure)), 20.0, 20.0);
        failure.retry_after = Some(Duration::from_secs(1_000_000));
        assert_between(policy().next_delay(Some(&failure)), 600.0, 600.0);
    }
}
