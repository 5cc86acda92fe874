//! The only place that reads the time.
//!
//! All other code gets a [`Clock`], so that a test can move time by hand and never sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// A point on the clock's monotonic axis, in nanoseconds since an arbitrary start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// A point before every other one.
    pub const DISTANT_PAST: Moment = Moment(0);
    /// A point that is never reached.
    pub const NEVER: Moment = Moment(u64::MAX);

    /// Returns the raw nanoseconds, for storing in an atomic.
    pub fn nanos(self) -> u64 {
        self.0
    }

    /// Rebuilds a moment from [`Moment::nanos`].
    pub fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the moment `duration` later, or [`Moment::NEVER`] when that overflows.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Returns the time from `earlier` to this moment, or zero if `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A source of monotonic and of wall-clock time; cheap to clone.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clocks.
    #[default]
    System,
    /// A clock that a test moves.
    Manual(ManualClock),
}

/// Reads the kernel's monotonic clock. This costs half as much as [`std::time::Instant`].
fn system_nanos() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec. The call cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[expect(clippy::disallowed_methods, reason = "the one place that may")]
fn system_unix_millis() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    }
}

impl Clock {
    /// Returns the monotonic time. On Linux this reads a page shared with the kernel: no system
    /// call.
    pub fn now(&self) -> Moment {
        match self {
            Clock::System => Moment(system_nanos()),
            Clock::Manual(manual) => manual.now(),
        }
    }

    /// Returns the wall-clock time in milliseconds since the Unix epoch.
    pub fn unix_millis(&self) -> i64 {
        match self {
            Clock::System => system_unix_millis(),
            Clock::Manual(manual) => manual.0.unix_millis.load(Ordering::Acquire),
        }
    }
}

/// A clock for tests: it stands still until [`ManualClock::advance`] is called; clones share one
/// time.
///
/// Two readings still differ by a nanosecond, as they do on a real clock, so that "least recently
/// used" stays defined while time stands still.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<ManualTime>);

#[derive(Debug)]
struct ManualTime {
    nanos: AtomicU64,
    unix_millis: AtomicI64,
    moved: watch::Sender<()>,
}

impl ManualClock {
    /// Creates a clock whose wall-clock time is `unix_millis`.
    pub fn new(unix_millis: i64) -> Self {
        let hour = Duration::from_secs(3600).as_nanos() as u64;
        Self(Arc::new(ManualTime {
            nanos: AtomicU64::new(hour),
            unix_millis: AtomicI64::new(unix_millis),
            moved: watch::Sender::new(()),
        }))
    }

    fn now(&self) -> Moment {
        Moment(self.0.nanos.fetch_add(1, Ordering::AcqRel))
    }

    /// Moves both the monotonic and the wall-clock time forward and wakes everything that was
    /// waiting for it.
    pub fn advance(&self, by: Duration) {
        self.0.nanos.fetch_add(by.as_nanos() as u64, Ordering::AcqRel);
        self.0.unix_millis.fetch_add(by.as_millis() as i64, Ordering::AcqRel);
        self.0.moved.send_replace(());
    }

    /// Sets the wall-clock time alone, as an administrator or NTP would.
    pub fn set_unix_millis(&self, unix_millis: i64) {
        self.0.unix_millis.store(unix_millis, Ordering::Release);
    }

    /// Completes once the monotonic time has reached `deadline`.
    pub(crate) async fn reached(&self, deadline: Moment) {
        let mut moved = self.0.moved.subscribe();
        while self.now() < deadline {
            // The sender lives in `self`, so waiting cannot fail.
            let _ = moved.changed().await;
        }
    }
}
