//! The event stream: opened, read event by event, and closed when it is idle for too long.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use super::apply::ApplyReport;
use super::byte_pipe::ByteSender;
use super::client::{UpstreamClient, transport_error};
use super::event_parser::{EventParser, Piece};
use super::ingest::Ingest;
use super::retry::{AttemptError, ExitReason};
use crate::clock::Moment;
use crate::error::{ErrorKind, Result};

/// An open event stream.
pub(super) struct EventStream {
    client: Arc<UpstreamClient>,
    response: Response,
    parser: EventParser,
    /// Bytes that have arrived and are not parsed yet.
    unparsed: Bytes,
    /// The first chunk of an event that [`EventStream::next_event`] found.
    event_start: Option<Bytes>,
    /// When the last bytes arrived, keep-alive comments included.
    last_activity: Moment,
}

/// A part of an event, in bytes that outlive the parser's input.
enum EventPart {
    Data(Bytes),
    End,
}

impl EventStream {
    /// Opens the stream.
    pub(super) async fn open(client: Arc<UpstreamClient>, ingest: &Ingest) -> Result<Self, ExitReason> {
        let response = ingest.tasks.token().run_until_cancelled(client.get_stream()).await;
        let response = response.ok_or(ExitReason::Stopped)??;
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or("");
        if !content_type.trim_start().to_ascii_lowercase().starts_with("text/event-stream") {
            let what = "the response is not an event stream; check stream_url";
            let error = AttemptError::upstream(ErrorKind::UpstreamData, &client.stream_url, what);
            return Err(AttemptError { http_status: Some(response.status().as_u16()), ..error }.into());
        }
        ingest.applier.tracker.count(|counters| counters.streams += 1);
        Ok(Self {
            last_activity: client.clock.now(),
            client,
            response,
            parser: EventParser::new(),
            unparsed: Bytes::new(),
            event_start: None,
        })
    }

    /// Waits for the beginning of an event. Cancel-safe: dropping the future loses no bytes.
    pub(super) async fn next_event(&mut self) -> Result<(), AttemptError> {
        while self.event_start.is_none() {
            if let EventPart::Data(data) = self.next_part().await? {
                self.event_start = Some(data);
            }
        }
        Ok(())
    }

    /// Applies the event that [`EventStream::next_event`] found, while the rest of it arrives.
    pub(super) async fn apply_event(&mut self, ingest: &Ingest) -> Result<ApplyReport, ExitReason> {
        ingest.run(|sender| self.download_event(sender)).await
    }

    /// Sends the data of the event to the parser, up to its end or until the parser has stopped.
    async fn download_event(&mut self, sender: ByteSender) -> Result<(), AttemptError> {
        if let Some(data) = self.event_start.take()
            && !sender.send(data).await
        {
            return Ok(());
        }
        while let EventPart::Data(data) = self.next_part().await? {
            if !sender.send(data).await {
                return Ok(());
            }
        }
        sender.finish().await;
        Ok(())
    }

    /// Waits for the next part of an event. Cancel-safe.
    async fn next_part(&mut self) -> Result<EventPart, AttemptError> {
        loop {
            if let Some(part) = self.parse_part() {
                return Ok(part);
            }
            self.unparsed = self.receive().await?;
            self.last_activity = self.client.clock.now();
        }
    }

    /// Takes the next part out of the bytes that have arrived.
    fn parse_part(&mut self) -> Option<EventPart> {
        let mut input = &self.unparsed[..];
        let part = match self.parser.next(&mut input) {
            // The line feed between two lines is not among the bytes that arrived.
            Some(Piece::Data(b"\n")) => Some(EventPart::Data(Bytes::from_static(b"\n"))),
            Some(Piece::Data(data)) => Some(EventPart::Data(self.unparsed.slice_ref(data))),
            Some(Piece::End) => Some(EventPart::End),
            None => None,
        };
        let remaining = input.len();
        self.unparsed = self.unparsed.split_off(self.unparsed.len() - remaining);
        part
    }

    /// Waits for bytes from the network.
    async fn receive(&mut self) -> Result<Bytes, AttemptError> {
        let client = &*self.client;
        let timeout = client.stream_idle_timeout;
        let deadline = self.last_activity.after(timeout);
        let Ok(chunk) = client.runtime.deadline(&client.clock, deadline, self.response.chunk()).await else {
            let what = format!("the stream was silent for {timeout:?}; reconnecting");
            return Err(AttemptError::upstream(ErrorKind::UpstreamTimeout, &client.stream_url, &what));
        };
        let chunk = chunk.map_err(|e| transport_error(&client.stream_url, &e))?;
        chunk.ok_or_else(|| {
            let what = "the upstream closed the stream";
            AttemptError::upstream(ErrorKind::UpstreamUnavailable, &client.stream_url, what)
        })
    }
}
