//! How long to wait before the next attempt: longer each time, never equally long for two workers, never for ever.

use std::hash::{BuildHasher, Hasher, RandomState};
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

/// The longest that an upstream's own wish (`Retry-After`) is heeded.
const LONGEST_WISH: Duration = Duration::from_secs(600);

/// Counts attempts that led nowhere.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    refused: Duration,
    attempts: u32,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration, refused: Duration) -> Self {
        Self { first, longest, refused, attempts: 0 }
    }

    /// Forgets the attempts so far: something was achieved.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Draws the next pause: between half of what is due and all of it.
    pub(super) fn pause(&mut self, failure: Option<&Failure>) -> Duration {
        let due = if failure.is_some_and(Failure::is_refusal) {
            self.refused
        } else {
            let due = self.first.saturating_mul(1 << self.attempts.min(20)).min(self.longest);
            self.attempts += 1;
            due
        };
        let wish = failure.and_then(|failure| failure.retry_after).unwrap_or_default();
        due.mul_f64(0.5 + dice() / 2.0).max(wish.min(LONGEST_WISH))
    }
}

/// Draws a number from 0 to 1.
fn dice() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_secs(1), Duration::from_secs(60), Duration::from_secs(300))
    }

    #[track_caller]
    fn assert_between(pause: Duration, least: f64, most: f64) {
        assert!((least..=most).contains(&pause.as_secs_f64()), "{pause:?} is not in {least}..{most}");
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_never_vanish() {
        for _ in 0..50 {
            let mut backoff = backoff();
            for due in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0] {
                assert_between(backoff.pause(None), due / 2.0, due);
            }
            for _ in 0..100 {
                backoff.pause(None);
            }
            assert_between(backoff.pause(None), 30.0, 60.0);
            backoff.reset();
            assert_between(backoff.pause(None), 0.5, 1.0);
        }
    }

    #[test]
    fn no_two_workers_wait_equally_long() {
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|_| backoff().pause(None)).collect();
        assert!(pauses.len() > 40, "{pauses:?}");
    }

    #[test]
    fn a_refusal_is_retried_rarely_and_a_wish_is_heeded_within_reason() {
        let error = Error::new(ErrorKind::UpstreamRefused, "no");
        let mut failure = Failure { error, status: Some(401), retry_after: None };
        assert_between(backoff().pause(Some(&failure)), 150.0, 300.0);
        failure.error = Error::new(ErrorKind::UpstreamUnavailable, "busy");
        failure.retry_after = Some(Duration::from_secs(20));
        assert_between(backoff().pause(Some(&failure)), 20.0, 20.0);
        failure.retry_after = Some(Duration::from_secs(1_000_000));
        assert_between(backoff().pause(Some(&failure)), 600.0, 600.0);
    }
}
