use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::StatusTracker;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::metrics::Counters;
use crate::runtime::{Elapsed, Runtime};
use crate::store::{Metadata, StoreReader, guarded};

/// Asks the store for its metadata, at intervals and on request.
pub struct Poller {
    /// The store.
    pub reader: Arc<dyn StoreReader>,
    /// Who is told.
    pub tracker: Arc<StatusTracker>,
    /// For its timers.
    pub runtime: Arc<Runtime>,
    /// What time it is.
    pub clock: Clock,
    /// Counts polls.
    pub counters: Arc<Counters>,
    /// From the end of one poll to the start of the next.
    pub interval: Duration,
    /// How long a poll may take.
    pub deadline: Duration,
    /// Asks for a poll before its time.
    pub nudge: Notify,
}

/// How soon after a poll the next one may be, however often it is asked for.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

impl Poller {
    /// Polls now.
    pub async fn poll(&self) -> Result<Metadata> {
        let result = match self.reader.in_place() {
            Some(reader) => reader.read_metadata(),
            None => self.ask().await,
        };
        match &result {
            Ok(metadata) => self.tracker.poll_succeeded(*metadata),
            Err(e) => {
                self.counters.status_poll_errors.add(1);
                if e.kind() == ErrorKind::StoreThrottled {
                    self.counters.store_throttles.add(1);
                }
                self.tracker.poll_failed(e);
            }
        }
        self.tracker.limited(self.reader.limitations());
        // Counted last, so that whoever sees the count sees the status too.
        self.counters.status_polls.add(1);
        result
    }

    async fn ask(&self) -> Result<Metadata> {
        let at = self.clock.now().after(self.deadline);
        let metadata = guarded(self.reader.metadata());
        self.runtime.deadline(&self.clock, at, metadata).await.unwrap_or_else(|Elapsed| {
            let message = format!("the store did not return its sync time within {:?}", self.deadline);
            Err(Error::new(ErrorKind::StoreTimeout, message))
        })
    }

    /// Polls for ever.
    pub async fn run(&self, stop: &CancellationToken) {
        loop {
            let next_poll = async {
                self.wait().await;
                // What went wrong is in the status.
                let _ = self.poll().await;
            };
            if stop.run_until_cancelled(next_poll).await.is_none() {
                return;
            }
        }
    }

    /// Waits for the next poll, and looks again at the moment at which the data become stale, so that nobody hears of
    /// it late.
    async fn wait(&self) {
        let last_poll = self.clock.now();
        let sleep_until = |moment| self.runtime.sleep_until(&self.clock, moment);
        let regular = async {
            let (next_poll, stale_at) = (last_poll.after(self.interval), self.tracker.stale_at());
            if last_poll < stale_at && stale_at < next_poll {
                sleep_until(stale_at).await;
                self.tracker.time_passed();
            }
            sleep_until(next_poll).await;
        };
        let early = async {
            self.nudge.notified().await;
            sleep_until(last_poll.after(SHORTEST_INTERVAL)).await;
        };
        select(pin!(regular), pin!(early)).await;
    }
}
