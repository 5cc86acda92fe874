//! Fetches one page and applies it while it arrives.

use std::time::Duration;

use futures_util::future::{Either, select};
use reqwest::Response;

use super::apply::PageReport;
use super::byte_pipe::{Feed, feed};
use super::client::broken;
use super::retry::Failure;
use super::run_loop::{Cycle, Departure, conclude};
use crate::error::{ErrorKind, Result};

/// What must arrive within the response timeout: an upstream that trickles a byte at a time is as good as dead.
const LEAST: usize = 1024;

impl Cycle {
    /// Fetches the page after `cursor`. What of it came whole is applied, whatever happens then.
    pub(super) async fn poll(&self, cursor: Option<&str>) -> Result<PageReport, Departure> {
        let answer = self.stop.run_until_cancelled(self.client.page(cursor)).await;
        let response = answer.ok_or(Departure::Stopped)??;
        self.tracker.count(|counters| counters.pages += 1);
        let (feed, reader) = feed();
        let applier = self.applier.clone();
        let job = self.tasks.runtime().run_blocking(move || applier.apply_page(reader));
        let pumped = self.stop.run_until_cancelled(self.pump(response, feed)).await;
        conclude(job.await, pumped)
    }

    /// Passes an answer on to whoever reads it, to its end or until nobody reads any more.
    async fn pump(&self, mut response: Response, feed: Feed) -> Result<(), Failure> {
        let (clock, limit) = (&self.config.clock, self.config.response_timeout);
        let place = self.client.page_place();
        // Time spent waiting for the upstream, and what came of it; the store's time does not count.
        let (mut waited, mut received) = (Duration::ZERO, 0);
        loop {
            let began = clock.now();
            let alarm = self.tasks.runtime().sleep_until(clock, began.after(limit.saturating_sub(waited)));
            let chunk = match select(std::pin::pin!(response.chunk()), alarm).await {
                Either::Left((chunk, _)) => chunk.map_err(|e| broken(&place, &e))?,
                Either::Right(_) => {
                    let what = format!("the answer has come to a standstill, for {limit:?}");
                    return Err(Failure::upstream(ErrorKind::UpstreamTimeout, &place, &what));
                }
            };
            let Some(chunk) = chunk else {
                feed.finish().await;
                return Ok(());
            };
            waited += clock.now().since(began);
            received += chunk.len();
            if received >= LEAST {
                (waited, received) = (Duration::ZERO, 0);
            }
            if !feed.send(chunk).await {
                return Ok(());
            }
        }
    }
}
