use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::tracker::{Outcome, StatusTracker};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Elapsed, Runtime};
use crate::store::{Metadata, StoreReader, guarded};

/// Polls the store's metadata, at intervals and on request.
pub struct Poller {
    /// The store.
    pub reader: Arc<dyn StoreReader>,
    /// Records the outcomes.
    pub tracker: Arc<StatusTracker>,
    /// For its timers.
    pub runtime: Arc<Runtime>,
    /// The source of time.
    pub clock: Clock,
    /// From the end of one poll to the start of the next.
    pub interval: Duration,
    /// How long a poll may take.
    pub deadline: Duration,
    /// Requests a poll before the interval has passed.
    pub poll_now: Notify,
}

/// The shortest interval between two polls, however often one is requested.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

impl Poller {
    /// Polls now.
    pub async fn poll(&self) -> Result<Metadata> {
        let result = match self.reader.as_inline() {
            Some(reader) => reader.read_metadata(),
            None => self.fetch_metadata().await,
        };
        self.tracker.set_limitations(self.reader.limitations());
        self.tracker.record(match &result {
            Ok(metadata) => Outcome::PollSucceeded(*metadata),
            Err(e) => Outcome::PollFailed(e),
        });
        result
    }

    async fn fetch_metadata(&self) -> Result<Metadata> {
        let at = self.clock.now().after(self.deadline);
        let metadata = guarded(self.reader.metadata());
        self.runtime.deadline(&self.clock, at, metadata).await.unwrap_or_else(|Elapsed| {
            let message = format!("the store did not return its sync time within {:?}", self.deadline);
            Err(Error::new(ErrorKind::StoreTimeout, message))
        })
    }

    /// Polls until the token is cancelled.
    pub async fn run(&self, token: &CancellationToken) {
        loop {
            let next_poll = async {
                self.wait().await;
                // A failure is in the status.
                let _ = self.poll().await;
            };
            if token.run_until_cancelled(next_poll).await.is_none() {
                return;
            }
        }
    }

    /// Waits for the next poll. If the data become stale in between, publishes that at once.
    async fn wait(&self) {
        let last_poll = self.clock.now();
        let sleep_until = |moment| self.runtime.sleep_until(&self.clock, moment);
        let regular = async {
            let next_poll = last_poll.after(self.interval);
            let stale_at = self.tracker.stale_at();
            if last_poll < stale_at && stale_at < next_poll {
                sleep_until(stale_at).await;
                self.tracker.check_staleness();
            }
            sleep_until(next_poll).await;
        };
        let requested = async {
            self.poll_now.notified().await;
            sleep_until(last_poll.after(MIN_INTERVAL)).await;
        };
        select(pin!(regular), pin!(requested)).await;
    }
}
