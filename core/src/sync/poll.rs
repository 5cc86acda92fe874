//! Fetches one page of patches and applies it while it arrives.

use std::time::Duration;

use reqwest::Response;

use super::apply::ApplyReport;
use super::byte_pipe::ByteSender;
use super::client::{UpstreamClient, transport_error};
use super::ingest::Ingest;
use super::retry::{AttemptError, ExitReason};
use crate::error::{ErrorKind, Result};

/// The bytes that must arrive within the response timeout, so that an upstream that sends one byte
/// at a time cannot hold the worker up.
const MIN_PROGRESS_BYTES: usize = 1024;

/// Fetches and applies the page after `cursor`.
pub(super) async fn poll(
    client: &UpstreamClient,
    ingest: &Ingest,
    cursor: Option<&str>,
) -> Result<ApplyReport, ExitReason> {
    let response = ingest.tasks.token().run_until_cancelled(client.get_page(cursor)).await;
    let response = response.ok_or(ExitReason::Stopped)??;
    ingest.applier.tracker.count(|counters| counters.pages += 1);
    ingest.run(|sender| download(client, response, sender)).await
}

/// Sends the body of a response to the parser, up to its end or until the parser has stopped.
async fn download(
    client: &UpstreamClient,
    mut response: Response,
    sender: ByteSender,
) -> Result<(), AttemptError> {
    let clock = &client.clock;
    let timeout = client.response_timeout;
    // The time spent waiting for the upstream since the last progress; time in which the store
    // makes the pipe wait is not counted.
    let mut waited = Duration::ZERO;
    let mut received = 0;
    loop {
        let began = clock.now();
        let deadline = began.after(timeout.saturating_sub(waited));
        let Ok(chunk) = client.runtime.deadline(clock, deadline, response.chunk()).await else {
            let what = format!("fewer than {MIN_PROGRESS_BYTES} bytes of the page arrived in {timeout:?}");
            return Err(AttemptError::upstream(ErrorKind::UpstreamTimeout, &client.page_url, &what));
        };
        let Some(chunk) = chunk.map_err(|e| transport_error(&client.page_url, &e))? else {
            sender.finish().await;
            return Ok(());
        };
        waited += clock.now().since(began);
        received += chunk.len();
        if received >= MIN_PROGRESS_BYTES {
            waited = Duration::ZERO;
            received = 0;
        }
        if !sender.send(chunk).await {
            return Ok(());
        }
    }
}
