//! One attempt, shared by all callers, to get something that is then kept: a connection, or
//! credentials.
//!
//! - At most one attempt runs. It is a task of its own, so it goes on when its callers give up.
//! - Its outcome is stored before any caller sees it.
//! - A failure is kept for the time of a [`Backoff`]. Callers in between get the same error at
//!   once.
//! - Dropping the owner aborts the attempt: the task holds only a weak reference to the state.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::Shared;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use crate::backoff::Backoff;
use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{BoxFuture, LeakAfterFork, Runtime};

/// How far a kept value can still be used.
#[derive(Debug, Clone)]
pub enum Validity {
    /// It is returned.
    Valid,
    /// It is returned, and an attempt to renew it starts in the background.
    Expiring,
    /// It is dropped, and callers wait for another attempt. The reason counts as a failure for
    /// [`AfterFailure::FailFast`].
    Invalid(Option<Error>),
}

/// Why an attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Callers wait for the value.
    Needed,
    /// The present value is still good, and no caller waits.
    Renewal,
}

/// What a caller does while an attempt runs that follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// It waits for the attempt.
    Wait,
    /// It gets the last failure at once, because one unreachable server must not delay the answers
    /// of others.
    FailFast,
}

/// Keeps a value and shares the attempts to get it; all methods may be called from any thread and
/// executor.
pub struct SharedAttempt<T> {
    runtime: Arc<Runtime>,
    clock: Clock,
    backoff: Backoff,
    after_failure: AfterFailure,
    state: LeakAfterFork<Arc<Mutex<State<T>>>>,
}

type Running<T> = Shared<BoxFuture<'static, Result<T>>>;

struct State<T> {
    value: Option<T>,
    running: Option<Running<T>>,
    /// Aborts the running attempt when the state is dropped.
    task: Option<AbortOnDropHandle<()>>,
    /// Failures since the last success.
    failures: u32,
    last_failure: Option<Failure>,
}

struct Failure {
    error: Error,
    /// No attempt starts before this moment.
    retry_at: Moment,
}

impl<T: Clone + Send + Sync + 'static> SharedAttempt<T> {
    /// Creates one without a value; the first caller starts the first attempt.
    pub fn new(runtime: Arc<Runtime>, clock: Clock, backoff: Backoff, after_failure: AfterFailure) -> Self {
        let state = State { value: None, running: None, task: None, failures: 0, last_failure: None };
        let state = LeakAfterFork::new(Arc::new(Mutex::new(state)));
        Self { runtime, clock, backoff, after_failure, state }
    }

    /// Returns the kept value, whatever its validity; never waits.
    pub fn peek(&self) -> Option<T> {
        self.state.lock().value.clone()
    }

    /// Drops the kept value if `is_unwanted` says so, so that the next caller starts an attempt.
    pub fn discard_if(&self, is_unwanted: impl FnOnce(&T) -> bool) {
        let mut state = self.state.lock();
        if state.value.as_ref().is_some_and(is_unwanted) {
            state.value = None;
        }
    }

    /// Returns the kept value if it is valid, or else the outcome of the running attempt, which it
    /// starts if there is none. `judge` and `attempt` are called under a lock and must not come
    /// back here.
    ///
    /// # Errors
    /// Why the attempt failed, now or a moment ago; [`ErrorKind::Forked`] in a forked child;
    /// [`ErrorKind::Closed`] when this is dropped during the attempt.
    pub async fn get<F>(
        &self,
        judge: impl FnOnce(&T) -> Validity,
        attempt: impl FnOnce(Purpose) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.state.generation().check()?;
        let running = {
            let mut state = self.state.lock();
            if let Some(value) = state.value.clone() {
                match judge(&value) {
                    Validity::Valid => return Ok(value),
                    Validity::Expiring => {
                        if state.running.is_none() && state.failure_at(self.clock.now()).is_none() {
                            drop(self.start(&mut state, attempt(Purpose::Renewal)));
                        }
                        return Ok(value);
                    }
                    Validity::Invalid(reason) => state.invalidate(reason),
                }
            }
            let running = match &state.running {
                Some(running) => running.clone(),
                None => match state.failure_at(self.clock.now()) {
                    Some(error) => return Err(error.clone()),
                    None => self.start(&mut state, attempt(Purpose::Needed)),
                },
            };
            match &state.last_failure {
                Some(failure) if self.after_failure == AfterFailure::FailFast => {
                    return Err(failure.error.clone());
                }
                _ => running,
            }
        };
        running.await
    }

    /// Starts an attempt in a task of its own.
    fn start(
        &self,
        state: &mut State<T>,
        attempt: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Running<T> {
        let (sender, receiver) = oneshot::channel();
        // Weak, because the state owns the task.
        let weak = Arc::downgrade(&self.state);
        let clock = self.clock.clone();
        let backoff = self.backoff;
        let task = self.runtime.handle().spawn(async move {
            let outcome = AssertUnwindSafe(attempt).catch_unwind().await.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Internal, "an attempt to reach the store panicked"))
            });
            if let Some(state) = weak.upgrade() {
                state.lock().settle(&outcome, clock.now(), backoff);
            }
            // Fails when no caller waits any more.
            let _ = sender.send(outcome);
        });
        state.task = Some(AbortOnDropHandle::new(task));
        let outcome = receiver.map(|outcome| {
            outcome.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Closed, "the store was closed during an attempt to reach it"))
            })
        });
        let running = outcome.boxed().shared();
        state.running = Some(running.clone());
        running
    }
}

impl<T> State<T> {
    /// Returns the last failure while it is to be repeated instead of another attempt.
    fn failure_at(&self, now: Moment) -> Option<&Error> {
        self.last_failure.as_ref().filter(|failure| now < failure.retry_at).map(|failure| &failure.error)
    }

    fn invalidate(&mut self, reason: Option<Error>) {
        self.value = None;
        if let Some(error) = reason {
            self.last_failure = Some(Failure { error, retry_at: Moment::DISTANT_PAST });
        }
    }

    fn settle(&mut self, outcome: &Result<T>, now: Moment, backoff: Backoff)
    where
        T: Clone,
    {
        self.running = None;
        match outcome {
            Ok(value) => {
                self.value = Some(value.clone());
                self.failures = 0;
                self.last_failure = None;
            }
            Err(error) => {
                let retry_at = now.after(backoff.ceiling(self.failures));
                self.failures = self.failures.saturating_add(1);
                self.last_failure = Some(Failure { error: error.clone(), retry_at });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;

    const PAUSE: Duration = Duration::from_millis(100);

    struct Fixture {
        clock: ManualClock,
        shared: SharedAttempt<u32>,
        attempts: Arc<AtomicU32>,
    }

    fn fixture(after_failure: AfterFailure) -> Fixture {
        let clock = ManualClock::new(0);
        let backoff = Backoff::new(PAUSE, 4 * PAUSE);
        let runtime = Runtime::shared().unwrap();
        let shared = SharedAttempt::new(runtime, Clock::Manual(clock.clone()), backoff, after_failure);
        Fixture { clock, shared, attempts: Arc::default() }
    }

    fn valid(_: &u32) -> Validity {
        Validity::Valid
    }

    impl Fixture {
        /// Asks for the value; an attempt has this outcome.
        fn get(&self, judge: impl FnOnce(&u32) -> Validity, outcome: Result<u32>) -> Result<u32> {
            pollster::block_on(self.shared.get(judge, |_| self.attempt(async { outcome })))
        }

        fn attempt<F: Future<Output = Result<u32>>>(&self, work: F) -> F {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            work
        }

        fn attempts(&self) -> u32 {
            self.attempts.load(Ordering::Relaxed)
        }
    }

    fn failed() -> Result<u32> {
        Err(Error::new(ErrorKind::StoreUnavailable, "no"))
    }

    #[test]
    fn callers_share_one_attempt_and_its_value_is_kept() {
        let fixture = fixture(AfterFailure::Wait);
        let (open, opened) = oneshot::channel::<()>();
        let first = fixture.shared.get(valid, |_| {
            fixture.attempt(async {
                let _ = opened.await;
                Ok(1)
            })
        });
        let second = fixture.shared.get(valid, |_| fixture.attempt(std::future::pending()));
        let (first, second) = pollster::block_on(async {
            futures_util::pin_mut!(first, second);
            assert!(futures_util::poll!(&mut first).is_pending());
            assert!(futures_util::poll!(&mut second).is_pending());
            open.send(()).unwrap();
            (first.await, second.await)
        });
        assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
        assert_eq!(fixture.get(valid, Ok(2)).unwrap(), 1);
        assert_eq!(fixture.attempts(), 1);
        fixture.shared.discard_if(|value| *value == 1);
        assert_eq!(fixture.shared.peek(), None);
        assert_eq!(fixture.get(valid, Ok(2)).unwrap(), 2);
    }

    #[test]
    fn a_failure_is_kept_for_a_growing_time() {
        let fixture = fixture(AfterFailure::Wait);
        for (attempt, pause) in [(1, PAUSE), (2, 2 * PAUSE), (3, 4 * PAUSE), (4, 4 * PAUSE)] {
            assert!(fixture.get(valid, failed()).is_err());
            fixture.clock.advance(pause - Duration::from_millis(1));
            assert!(fixture.get(valid, Ok(1)).is_err());
            assert_eq!(fixture.attempts(), attempt, "within {pause:?}");
            fixture.clock.advance(Duration::from_millis(1));
        }
        assert_eq!(fixture.get(valid, Ok(1)).unwrap(), 1);
    }

    #[test]
    fn who_fails_fast_waits_for_no_attempt_after_a_failure() {
        let fixture = fixture(AfterFailure::FailFast);
        assert_eq!(fixture.get(valid, Ok(1)).unwrap(), 1);
        let invalid = |_: &u32| Validity::Invalid(Some(Error::new(ErrorKind::StoreTimeout, "silent")));
        let answer = fixture.shared.get(invalid, |_| fixture.attempt(std::future::pending()));
        assert_eq!(pollster::block_on(answer).unwrap_err().message(), "silent");
        assert_eq!(fixture.attempts(), 2, "the attempt started all the same");
        assert_eq!(fixture.get(valid, Ok(2)).unwrap_err().message(), "silent");
        assert_eq!(fixture.attempts(), 2);
    }

    #[test]
    fn an_expiring_value_is_renewed_in_the_background() {
        let fixture = fixture(AfterFailure::Wait);
        assert_eq!(fixture.get(valid, Ok(1)).unwrap(), 1);
        let purposes = Mutex::new(Vec::new());
        let (settled, settles) = oneshot::channel::<()>();
        let renewal = fixture.shared.get(
            |_| Validity::Expiring,
            |purpose| {
                purposes.lock().push(purpose);
                async {
                    drop(settled);
                    failed()
                }
            },
        );
        assert_eq!(pollster::block_on(renewal).unwrap(), 1);
        assert_eq!(*purposes.lock(), [Purpose::Renewal]);
        let _ = pollster::block_on(settles);
        let running = fixture.shared.state.lock().running.clone();
        if let Some(running) = running {
            assert!(pollster::block_on(running).is_err());
        }
        assert_eq!(fixture.get(|_| Validity::Expiring, Ok(2)).unwrap(), 1, "kept after a failed renewal");
        assert_eq!(fixture.attempts(), 1, "the failed renewal is kept");
    }

    #[test]
    fn dropping_the_owner_ends_the_attempt() {
        let Fixture { shared, .. } = fixture(AfterFailure::Wait);
        let (held, dropped) = oneshot::channel::<()>();
        let running = {
            let mut state = shared.state.lock();
            shared.start(&mut state, async {
                let _held = held;
                std::future::pending().await
            })
        };
        drop(shared);
        assert_eq!(pollster::block_on(running).unwrap_err().kind(), ErrorKind::Closed);
        assert!(pollster::block_on(dropped).is_err(), "the task was aborted");
    }

    #[test]
    fn a_panic_fails_the_attempt_and_the_next_one_may_succeed() {
        let fixture = fixture(AfterFailure::Wait);
        let outcome = pollster::block_on(fixture.shared.get(valid, |_| async { panic!("on purpose") }));
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Internal);
        fixture.clock.advance(PAUSE);
        assert_eq!(fixture.get(valid, Ok(3)).unwrap(), 3);
    }
}
