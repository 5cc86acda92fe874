//! The stream of changes: opened, listened to, and given up when it falls silent.

use bytes::Bytes;
use futures_util::future::{Either, select};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use super::apply::PageReport;
use super::byte_pipe::feed;
use super::client::broken;
use super::event_parser::{EventParser, Piece};
use super::retry::Failure;
use super::run_loop::{Cycle, Departure, conclude};
use crate::clock::Moment;
use crate::error::{ErrorKind, Result};

/// An open stream.
pub(super) struct EventStream {
    response: Response,
    parser: EventParser,
    /// What has arrived and was not parsed yet.
    rest: Bytes,
    /// The beginning of an event that was met, and is not taken yet.
    met: Option<Bytes>,
    /// When anything arrived, even if only a sign of life.
    heard: Moment,
}

/// A piece of an event that may be kept.
enum Found {
    Data(Bytes),
    End,
}

impl EventStream {
    /// Takes the next piece from what has arrived.
    fn parse(&mut self) -> Option<Found> {
        let mut input = &self.rest[..];
        let piece = match self.parser.next(&mut input) {
            // The line feed between two lines is not among the bytes that arrived.
            Some(Piece::Data(b"\n")) => Some(Found::Data(Bytes::from_static(b"\n"))),
            Some(Piece::Data(data)) => Some(Found::Data(self.rest.slice_ref(data))),
            Some(Piece::End) => Some(Found::End),
            None => None,
        };
        let left = input.len();
        self.rest = self.rest.split_off(self.rest.len() - left);
        piece
    }
}

impl Cycle {
    /// Opens the stream.
    pub(super) async fn open_stream(&self) -> Result<EventStream, Departure> {
        let answer = self.stop.run_until_cancelled(self.client.events()).await;
        let response = answer.ok_or(Departure::Stopped)??;
        let media = response.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or("");
        if !media.trim_start().to_ascii_lowercase().starts_with("text/event-stream") {
            let what = "this is no event stream; is stream_url right?";
            let failure = Failure::upstream(ErrorKind::UpstreamData, &self.client.event_place(), what);
            return Err(Failure { status: Some(response.status().as_u16()), ..failure }.into());
        }
        self.tracker.count(|counters| counters.streams += 1);
        let (parser, heard) = (EventParser::new(), self.config.clock.now());
        Ok(EventStream { response, parser, rest: Bytes::new(), met: None, heard })
    }

    /// Waits for the beginning of an event. May be given up at any moment and asked again: nothing is lost.
    pub(super) async fn meet_event(&self, stream: &mut EventStream) -> Result<(), Failure> {
        while stream.met.is_none() {
            if let Found::Data(data) = self.hear(stream).await? {
                stream.met = Some(data);
            }
        }
        Ok(())
    }

    /// Applies the event that was met, while the rest of it arrives. What came whole is applied even if the rest is cut off.
    pub(super) async fn take_event(&self, stream: &mut EventStream) -> Result<PageReport, Departure> {
        let (feed, reader) = feed();
        let applier = self.applier.clone();
        let job = self.tasks.runtime().run_blocking(move || applier.apply_page(reader));
        let pump = async {
            let mut piece = stream.met.take();
            loop {
                let data = match piece.take() {
                    Some(data) => data,
                    None => match self.hear(stream).await? {
                        Found::Data(data) => data,
                        Found::End => break,
                    },
                };
                if !feed.send(data).await {
                    return Ok(());
                }
            }
            feed.finish().await;
            Ok(())
        };
        let pumped = self.stop.run_until_cancelled(pump).await;
        conclude(job.await, pumped)
    }

    /// Waits for the next piece of an event.
    async fn hear(&self, stream: &mut EventStream) -> Result<Found, Failure> {
        let (clock, limit) = (&self.config.clock, self.config.silence_limit);
        loop {
            if let Some(found) = stream.parse() {
                return Ok(found);
            }
            let alarm = self.tasks.runtime().sleep_until(clock, stream.heard.after(limit));
            match select(std::pin::pin!(stream.response.chunk()), alarm).await {
                Either::Left((Ok(Some(chunk)), _)) => {
                    stream.heard = clock.now();
                    stream.rest = chunk;
                }
                Either::Left((Ok(None), _)) => {
                    let what = "the upstream ended the stream";
                    return Err(Failure::upstream(
                        ErrorKind::UpstreamUnavailable,
                        &self.client.event_place(),
                        what,
                    ));
                }
                Either::Left((Err(e), _)) => return Err(broken(&self.client.event_place(), &e)),
                Either::Right(_) => {
                    let what = format!("the stream has been silent for {limit:?} and counts as dead");
                    return Err(Failure::upstream(
                        ErrorKind::UpstreamTimeout,
                        &self.client.event_place(),
                        &what,
                    ));
                }
            }
        }
    }
}
