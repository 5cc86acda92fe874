//! The worker's walk (docs/spec.md#writing): poll until a page is empty, open the stream, poll once more, mark the store, follow the stream;
//! and from whatever goes wrong, after a pause, back to the beginning.

use std::convert::Infallible;
use std::sync::Arc;

use futures_util::future::{Either, select};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::apply::{Applier, PageEnd, PageReport};
use super::client::UpstreamClient;
use super::config::SyncConfig;
use super::retry::Backoff;
use super::retry::Failure;
use super::status::SyncTracker;
use super::stream::EventStream;
use super::sync_marker::{Beat, beat, disown};
use super::upstream::SdkKey;
use crate::clock::Moment;
use crate::error::{Error, ErrorKind, Result};
use crate::tasks::TaskGroup;

/// The task of one worker.
pub(super) struct Cycle {
    pub(super) config: SyncConfig,
    pub(super) client: UpstreamClient,
    pub(super) applier: Arc<Applier>,
    pub(super) tracker: Arc<SyncTracker>,
    pub(super) tasks: Arc<TaskGroup>,
    pub(super) stop: CancellationToken,
    pub(super) keys: watch::Receiver<SdkKey>,
    pub(super) backoff: Backoff,
    /// The cursor that the store should have: the one that was found there last, or that a patch has moved it to.
    pub(super) expected: Option<String>,
    /// Whether the store is being filled from the beginning, and has no version yet that would show a loss.
    pub(super) filling: bool,
    /// When the store is to be marked again.
    pub(super) next_beat: Moment,
}

/// Why a walk ended.
#[derive(Debug)]
pub(super) enum Departure {
    /// The worker is to stop.
    Stopped,
    /// There is a new SDK key.
    KeyRotated,
    /// There were changes while the stream was opened: start over.
    Overtaken,
    /// The store's cursor is not where it was thought to be: poll again from there.
    OutOfOrder,
    /// Something failed.
    Failed(Failure),
}

impl From<Failure> for Departure {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Error> for Departure {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}

/// What there is to do while the stream is followed.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Event,
    HeartbeatDue,
}

/// Puts together what a thread made of a page or an event, and why the bytes ended; `None` = the worker is to stop.
pub(super) fn conclude(
    report: Result<PageReport, JoinError>,
    pumped: Option<Result<(), Failure>>,
) -> Result<PageReport, Departure> {
    let report = finished(report)?;
    match (&report.end, pumped) {
        (PageEnd::Stopped, _) | (_, None) => Err(Departure::Stopped),
        (PageEnd::Broken, Some(Err(failure))) => Ok(PageReport { end: PageEnd::Failed(failure), ..report }),
        _ => Ok(report),
    }
}

/// Returns what a thread returned; one that panicked has failed.
fn finished<T>(outcome: Result<T, JoinError>) -> Result<T, Departure> {
    outcome.map_err(|e| {
        let what = if e.is_panic() { "a writer or an observer panicked" } else { "the process is ending" };
        Error::new(ErrorKind::Internal, format!("applying patches was cut short: {what}")).into()
    })
}

impl Cycle {
    /// Walks until the worker is to stop.
    pub(super) async fn run(mut self) {
        loop {
            self.keys.mark_unchanged();
            let Err(departure) = self.walk().await;
            let failure = match departure {
                Departure::Stopped => break,
                Departure::KeyRotated => {
                    log::info!("the SDK key was replaced; connecting anew");
                    continue;
                }
                Departure::Failed(failure) => Some(failure),
                Departure::Overtaken => None,
                Departure::OutOfOrder => {
                    self.tracker.count(|counters| counters.out_of_order += 1);
                    None
                }
            };
            match &failure {
                Some(failure) => self.tracker.failed(failure),
                None => self.tracker.waiting(),
            }
            let clock = &self.config.clock;
            let next = clock.now().after(self.backoff.pause(failure.as_ref()));
            let pause = self.tasks.runtime().sleep_until(clock, next);
            let rotated = std::pin::pin!(self.keys.changed());
            if self.stop.run_until_cancelled(select(pause, rotated)).await.is_none() {
                break;
            }
        }
        self.tracker.stopped();
    }

    async fn walk(&mut self) -> Result<Infallible, Departure> {
        self.tracker.catching_up();
        while self.catch_up().await? {}
        let mut stream = self.open_stream().await?;
        if self.catch_up().await? {
            return Err(Departure::Overtaken);
        }
        self.beat().await?;
        self.tracker.synchronized();
        self.follow(&mut stream).await
    }

    /// Applies one page; returns whether it held anything.
    async fn catch_up(&mut self) -> Result<bool, Departure> {
        let cursor = self.cursor().await?;
        if Beat::of(cursor.as_deref(), self.expected.as_deref()) == Beat::Lost {
            return Err(self.data_lost().await);
        }
        self.watch_filling(cursor.as_deref()).await?;
        self.expected.clone_from(&cursor);
        let report = self.poll(cursor.as_deref()).await?;
        if report.patches == 0 && matches!(report.end, PageEnd::Complete) {
            return Ok(false);
        }
        let moved = report.cursor.is_some() && report.cursor != cursor;
        if moved {
            self.backoff.reset();
        }
        let unrelated =
            matches!(report.end, PageEnd::OutOfOrder | PageEnd::DataLost) && report.cursor.is_none();
        match self.settle(report).await {
            // Nothing stands between the cursor that was asked for and the page. If nobody else has moved the cursor
            // since, the upstream contradicts itself.
            Err(Departure::OutOfOrder) if unrelated && self.cursor().await? == cursor => {
                return Err(self.misfit(cursor.as_deref()));
            }
            outcome => outcome?,
        }
        match moved {
            true => Ok(true),
            false => Err(self.page_fault("the page holds nothing but what the store has already").into()),
        }
    }

    /// Sees to it that a store without a version bears a sync time, be it "never". Initial patches apply to an empty store as
    /// well as to one that has some of them, so that of a store that is wiped meanwhile only this tells.
    async fn watch_filling(&mut self, cursor: Option<&str>) -> Result<(), Departure> {
        if !self.filling && cursor.is_some_and(|cursor| !cursor.is_empty()) {
            return Ok(());
        }
        let (writer, began) = (self.applier.writer.clone(), self.filling);
        let is_lost = self
            .block(move || {
                if writer.has_sync_time()? {
                    return Ok(false);
                }
                if began {
                    // What was applied since does not build on what was lost, but the cursor says so.
                    writer.forget_cursor()?;
                }
                disown(&*writer)?;
                Ok(began)
            })
            .await?;
        self.filling = true;
        if is_lost { Err(self.data_lost().await) } else { Ok(()) }
    }

    async fn cursor(&self) -> Result<Option<String>, Departure> {
        let writer = self.applier.writer.clone();
        self.block(move || writer.cursor()).await
    }

    fn page_fault(&self, what: &str) -> Failure {
        Failure::upstream(ErrorKind::UpstreamData, &self.client.page_place(), what)
    }

    fn misfit(&self, cursor: Option<&str>) -> Departure {
        let what = match cursor {
            Some(_) => "the page does not follow the cursor it was asked for",
            None => "the first page of all builds on an earlier one",
        };
        self.tracker.count(|counters| counters.out_of_order += 1);
        self.page_fault(what).into()
    }

    /// Draws the conclusion from a page or an event.
    async fn settle(&mut self, report: PageReport) -> Result<(), Departure> {
        if let Some(cursor) = report.cursor {
            self.expected = Some(cursor);
        }
        match report.end {
            PageEnd::Complete => Ok(()),
            PageEnd::OutOfOrder => Err(Departure::OutOfOrder),
            PageEnd::DataLost if self.expected.is_some() => Err(self.data_lost().await),
            PageEnd::DataLost => Err(Departure::OutOfOrder),
            PageEnd::Failed(e) => Err(e.into()),
            PageEnd::Stopped => Err(Departure::Stopped),
            PageEnd::Broken => Err(self.page_fault("the page broke off").into()),
        }
    }

    /// Takes the sync time back from a store that has lost its cursor; the next walk fills it from the beginning.
    async fn data_lost(&mut self) -> Departure {
        self.tracker.count(|counters| counters.data_losses += 1);
        let writer = self.applier.writer.clone();
        if let Err(departure) = self.block(move || disown(&*writer)).await {
            return departure;
        }
        self.tell_sync_time();
        (self.expected, self.filling) = (None, false);
        self.backoff.reset();
        let what = "the store has lost its cursor or its sync time: it was wiped, or its data were evicted; filling it anew from the beginning";
        Error::new(ErrorKind::StoreData, what).into()
    }

    /// Marks the store as synchronised.
    async fn beat(&mut self) -> Result<(), Departure> {
        let (writer, expected) = (self.applier.writer.clone(), self.expected.clone());
        // Counted from here, so that time that passes meanwhile brings the next one nearer.
        self.next_beat = self.config.clock.now().after(self.config.heartbeat_interval);
        let now = self.config.clock.unix_millis();
        match self.block(move || beat(&*writer, expected.as_deref(), now)).await? {
            Beat::Ours => {
                self.filling = false;
                self.tracker.marked(now);
                self.tell_sync_time();
                Ok(())
            }
            Beat::Moved => Err(Departure::OutOfOrder),
            Beat::Lost => Err(self.data_lost().await),
        }
    }

    /// Applies what the stream brings, until it ends.
    async fn follow(&mut self, stream: &mut EventStream) -> Result<Infallible, Departure> {
        loop {
            if self.await_news(stream).await? == News::Event {
                let report = self.take_event(stream).await?;
                let is_empty = report.patches == 0;
                self.settle(report).await?;
                if is_empty {
                    continue;
                }
            }
            // The stream is alive, or listening to it would have failed.
            self.beat().await?;
            self.backoff.reset();
        }
    }

    /// Waits until there is something to do.
    async fn await_news(&self, stream: &mut EventStream) -> Result<News, Departure> {
        let mut keys = self.keys.clone();
        let event = std::pin::pin!(self.meet_event(stream));
        let rotated = std::pin::pin!(keys.changed());
        let alarm = self.tasks.runtime().sleep_until(&self.config.clock, self.next_beat);
        match self.stop.run_until_cancelled(select(event, select(rotated, alarm))).await {
            None => Err(Departure::Stopped),
            Some(Either::Left((met, _))) => Ok(met.map(|()| News::Event)?),
            Some(Either::Right((Either::Left(_), _))) => Err(Departure::KeyRotated),
            Some(Either::Right((Either::Right(_), _))) => Ok(News::HeartbeatDue),
        }
    }

    fn tell_sync_time(&self) {
        self.applier.observers.iter().for_each(|observer| observer.sync_time_changed());
    }

    /// Runs a call into the store on a thread that may block, and waits for it even when the worker is to stop.
    async fn block<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T, Departure> {
        Ok(finished(self.tasks.runtime().run_blocking(call).await)??)
    }
}
