//! The run loop of a worker (docs/spec.md#writing): catch up by polling, open the stream, catch up
//! once more, write the sync marker, follow the stream. Everything that goes wrong leads, after a
//! delay, back to the beginning.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::watch;

use super::apply::{ApplyEnd, ApplyReport};
use super::client::UpstreamClient;
use super::config::SyncConfig;
use super::ingest::{Ingest, join_result};
use super::poll::poll;
use super::retry::{AttemptError, ExitReason, RetryPolicy};
use super::status::SyncTracker;
use super::stream::EventStream;
use super::sync_marker::{CursorCheck, clear_synced, mark_synced};
use super::upstream::SdkKey;
use crate::clock::Moment;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Elapsed;
use crate::tasks::TaskGroup;

/// The task of one worker.
pub(super) struct RunLoop {
    config: SyncConfig,
    client: Arc<UpstreamClient>,
    ingest: Ingest,
    tracker: Arc<SyncTracker>,
    tasks: Arc<TaskGroup>,
    sdk_keys: watch::Receiver<SdkKey>,
    retry: RetryPolicy,
    /// The cursor that the store should have: the one last read from it, or the version of the last
    /// patch applied.
    expected_cursor: Option<String>,
    /// Whether the store is being loaded from the beginning and has no version yet, so that its
    /// cursor cannot reveal a loss of data.
    is_initial_load: bool,
    /// When the sync marker is written next.
    next_marker: Moment,
}

/// Why waiting for the stream ended.
#[derive(Debug, PartialEq, Eq)]
enum Wakeup {
    Event,
    MarkerDue,
}

impl RunLoop {
    pub(super) fn new(
        config: SyncConfig,
        client: UpstreamClient,
        ingest: Ingest,
        sdk_keys: watch::Receiver<SdkKey>,
    ) -> Self {
        Self {
            retry: RetryPolicy::new(config.min_backoff, config.max_backoff, config.refused_backoff),
            client: Arc::new(client),
            tracker: ingest.applier.tracker.clone(),
            tasks: ingest.tasks.clone(),
            ingest,
            sdk_keys,
            expected_cursor: None,
            is_initial_load: false,
            next_marker: Moment::NEVER,
            config,
        }
    }

    /// Runs until the worker is to stop.
    pub(super) async fn run(mut self) {
        loop {
            self.sdk_keys.mark_unchanged();
            let Err(reason) = self.attempt().await;
            let error = match reason {
                ExitReason::Stopped => break,
                ExitReason::KeyRotated => {
                    log::info!("the SDK key was replaced; reconnecting");
                    continue;
                }
                ExitReason::Failed(error) => Some(error),
                ExitReason::ChangedDuringConnect => None,
                ExitReason::OutOfOrder => {
                    self.tracker.count(|counters| counters.out_of_order += 1);
                    None
                }
            };
            match &error {
                Some(error) => self.tracker.failed(error),
                None => self.tracker.waiting(),
            }
            let delay = self.retry.next_delay(error.as_ref());
            if self.sleep(delay).await.is_none() {
                break;
            }
        }
        self.tracker.stopped();
    }

    /// Waits for `delay` or for a new SDK key; returns `None` if the worker is to stop.
    async fn sleep(&mut self, delay: Duration) -> Option<()> {
        let clock = &self.config.clock;
        let deadline = clock.now().after(delay);
        let rotated = self.sdk_keys.changed();
        let waited = self.tasks.runtime().deadline(clock, deadline, rotated);
        self.tasks.token().run_until_cancelled(waited).await.map(drop)
    }

    /// Synchronises until something goes wrong.
    async fn attempt(&mut self) -> Result<Infallible, ExitReason> {
        self.tracker.catching_up();
        while self.poll_page().await? {}
        let mut stream = EventStream::open(self.client.clone(), &self.ingest).await?;
        if self.poll_page().await? {
            return Err(ExitReason::ChangedDuringConnect);
        }
        self.write_marker().await?;
        self.tracker.synchronized();
        self.follow(&mut stream).await
    }

    /// Applies one page; returns whether it contained changes.
    async fn poll_page(&mut self) -> Result<bool, ExitReason> {
        let cursor = self.read_cursor().await?;
        let check = CursorCheck::compare(cursor.as_deref(), self.expected_cursor.as_deref());
        if check == CursorCheck::Missing {
            return Err(self.data_lost().await);
        }
        self.ensure_marker(cursor.as_deref()).await?;
        self.expected_cursor.clone_from(&cursor);
        let report = poll(&self.client, &self.ingest, cursor.as_deref()).await?;
        if report.patches == 0 && matches!(report.end, ApplyEnd::Complete) {
            return Ok(false);
        }
        let has_moved = report.cursor.is_some() && report.cursor != cursor;
        if has_moved {
            self.retry.reset();
        }
        let is_first_patch_refused =
            matches!(report.end, ApplyEnd::OutOfOrder | ApplyEnd::DataLost) && report.cursor.is_none();
        match self.handle_report(report).await {
            // The first patch of the page should follow the cursor of the request. If the store
            // still has that cursor, no other writer is the reason, and the upstream contradicts
            // itself.
            Err(ExitReason::OutOfOrder) if is_first_patch_refused && self.read_cursor().await? == cursor => {
                return Err(self.upstream_inconsistent(cursor.as_deref()));
            }
            result => result?,
        }
        if has_moved {
            Ok(true)
        } else {
            Err(self.page_error("the page contains only patches that the store already has").into())
        }
    }

    /// Makes sure that a store without a version has a sync time, even one that says "never".
    ///
    /// During the initial load only the sync time reveals that the store was wiped:
    /// 1. Initial patches apply to an empty store as well as to one that has some of them.
    /// 2. Their cursor is empty before and after, so the cursor check sees no difference.
    /// 3. A wipe also removes the sync time, which was written before the first patch.
    async fn ensure_marker(&mut self, cursor: Option<&str>) -> Result<(), ExitReason> {
        let has_version = cursor.is_some_and(|cursor| !cursor.is_empty());
        if has_version && !self.is_initial_load {
            return Ok(());
        }
        let writer = self.ingest.applier.writer.clone();
        let has_begun = self.is_initial_load;
        let is_lost = self
            .run_blocking(move || {
                if writer.has_sync_time()? {
                    return Ok(false);
                }
                if has_begun {
                    // Patches applied since the wipe have set a cursor, but those before are
                    // missing.
                    writer.forget_cursor()?;
                }
                clear_synced(&*writer)?;
                Ok(has_begun)
            })
            .await?;
        self.is_initial_load = true;
        if is_lost { Err(self.data_lost().await) } else { Ok(()) }
    }

    async fn read_cursor(&self) -> Result<Option<String>, ExitReason> {
        let writer = self.ingest.applier.writer.clone();
        self.run_blocking(move || writer.cursor()).await
    }

    fn page_error(&self, what: &str) -> AttemptError {
        AttemptError::upstream(ErrorKind::UpstreamData, &self.client.page_url, what)
    }

    fn upstream_inconsistent(&self, cursor: Option<&str>) -> ExitReason {
        let what = match cursor {
            Some(_) => "the page does not follow the cursor of the request",
            None => "the first page builds on an earlier one",
        };
        self.tracker.count(|counters| counters.out_of_order += 1);
        self.page_error(what).into()
    }

    /// Decides how to go on after a page or an event.
    async fn handle_report(&mut self, report: ApplyReport) -> Result<(), ExitReason> {
        if let Some(cursor) = report.cursor {
            self.expected_cursor = Some(cursor);
        }
        match report.end {
            ApplyEnd::Complete => Ok(()),
            ApplyEnd::OutOfOrder => Err(ExitReason::OutOfOrder),
            ApplyEnd::DataLost if self.expected_cursor.is_some() => Err(self.data_lost().await),
            ApplyEnd::DataLost => Err(ExitReason::OutOfOrder),
            ApplyEnd::Failed(e) => Err(e.into()),
            ApplyEnd::Stopped => Err(ExitReason::Stopped),
            ApplyEnd::InputFailed => Err(self.page_error("the response ended too early").into()),
        }
    }

    /// Clears the sync time of a store that has lost its data; the next attempt loads it from the
    /// beginning.
    async fn data_lost(&mut self) -> ExitReason {
        self.tracker.count(|counters| counters.data_losses += 1);
        let writer = self.ingest.applier.writer.clone();
        if let Err(reason) = self.run_blocking(move || clear_synced(&*writer)).await {
            return reason;
        }
        self.notify_sync_time_changed();
        self.expected_cursor = None;
        self.is_initial_load = false;
        self.retry.reset();
        let what = "the store has lost its cursor or its sync time: it was wiped, or its data were evicted; \
                    loading it again from the beginning";
        Error::new(ErrorKind::StoreData, what).into()
    }

    /// Writes the sync marker if the store still has the expected cursor.
    async fn write_marker(&mut self) -> Result<(), ExitReason> {
        let writer = self.ingest.applier.writer.clone();
        let expected = self.expected_cursor.clone();
        // The interval starts before the write, so that a slow write does not delay the next
        // marker.
        self.next_marker = self.config.clock.now().after(self.config.sync_marker_interval);
        let now = self.config.clock.unix_millis();
        match self.run_blocking(move || mark_synced(&*writer, expected.as_deref(), now)).await? {
            CursorCheck::Match => {
                self.is_initial_load = false;
                self.tracker.marked_synced(now);
                self.notify_sync_time_changed();
                Ok(())
            }
            CursorCheck::Moved => Err(ExitReason::OutOfOrder),
            CursorCheck::Missing => Err(self.data_lost().await),
        }
    }

    /// Applies the events of the stream until something goes wrong.
    async fn follow(&mut self, stream: &mut EventStream) -> Result<Infallible, ExitReason> {
        loop {
            if self.wait(stream).await? == Wakeup::Event {
                let report = stream.apply_event(&self.ingest).await?;
                let is_empty = report.patches == 0;
                self.handle_report(report).await?;
                if is_empty {
                    continue;
                }
            }
            // The stream has not failed and is not idle, so the store still matches the upstream.
            self.write_marker().await?;
            self.retry.reset();
        }
    }

    /// Waits for an event, or until the sync marker is due.
    async fn wait(&self, stream: &mut EventStream) -> Result<Wakeup, ExitReason> {
        let mut sdk_keys = self.sdk_keys.clone();
        let event = std::pin::pin!(stream.next_event());
        let rotated = std::pin::pin!(sdk_keys.changed());
        let woken =
            self.tasks.runtime().deadline(&self.config.clock, self.next_marker, select(event, rotated));
        match self.tasks.token().run_until_cancelled(woken).await {
            None => Err(ExitReason::Stopped),
            Some(Err(Elapsed)) => Ok(Wakeup::MarkerDue),
            Some(Ok(Either::Left((event, _)))) => Ok(event.map(|()| Wakeup::Event)?),
            Some(Ok(Either::Right(_))) => Err(ExitReason::KeyRotated),
        }
    }

    fn notify_sync_time_changed(&self) {
        self.ingest.applier.observers.iter().for_each(|observer| observer.sync_time_changed());
    }

    /// Calls the store on a blocking thread, and waits for the call even if the worker is to stop.
    async fn run_blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T, ExitReason> {
        let result = join_result(self.tasks.runtime().run_blocking(call).await)?;
        Ok(result?)
    }
}
