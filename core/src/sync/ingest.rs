//! Applies a response of the upstream while it arrives: an async task reads from the network and
//! feeds a blocking thread, which parses the bytes and writes to the store.

use std::sync::Arc;

use tokio::task::JoinError;

use super::apply::{Applier, ApplyEnd, ApplyReport};
use super::byte_pipe::{ByteSender, byte_pipe};
use super::retry::{AttemptError, ExitReason};
use crate::error::{Error, ErrorKind, Result};
use crate::tasks::TaskGroup;

/// Runs the two halves and joins their results.
pub(super) struct Ingest {
    pub(super) tasks: Arc<TaskGroup>,
    pub(super) applier: Arc<Applier>,
}

impl Ingest {
    /// Applies what `download` sends. Patches that arrive complete are applied, even if the
    /// download fails afterwards or the worker is to stop.
    pub(super) async fn run<F: Future<Output = Result<(), AttemptError>>>(
        &self,
        download: impl FnOnce(ByteSender) -> F,
    ) -> Result<ApplyReport, ExitReason> {
        let (sender, reader) = byte_pipe();
        let applier = self.applier.clone();
        let applied = self.tasks.runtime().run_blocking(move || applier.apply(reader));
        let downloaded = self.tasks.token().run_until_cancelled(download(sender)).await;
        let report = join_result(applied.await)?;
        match (&report.end, downloaded) {
            (ApplyEnd::Stopped, _) | (_, None) => Err(ExitReason::Stopped),
            (ApplyEnd::InputFailed, Some(Err(e))) => Ok(ApplyReport { end: ApplyEnd::Failed(e), ..report }),
            _ => Ok(report),
        }
    }
}

/// Returns the result of a blocking thread; one that panicked has failed.
pub(super) fn join_result<T>(result: Result<T, JoinError>) -> Result<T> {
    result.map_err(|e| {
        let what = if e.is_panic() { "a store or an observer panicked" } else { "the process is ending" };
        Error::new(ErrorKind::Internal, format!("applying patches: {what}"))
    })
}
