use tokio::sync::watch;

use super::StoreStatus;
use crate::tasks::Stop;

/// The statuses of an engine, or of an integration, as they come: the current one first, then each change; the latest value wins.
pub struct StatusUpdates<T = StoreStatus> {
    statuses: watch::Receiver<Option<T>>,
    stop: Stop,
}

impl<T: Clone> StatusUpdates<T> {
    /// Follows what is published until the signal is given.
    pub fn new(mut statuses: watch::Receiver<Option<T>>, stop: Stop) -> Self {
        statuses.mark_changed();
        Self { statuses, stop }
    }

    /// Returns the next status, or `None` once its owner is closed.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            self.stop.unless_given(self.statuses.changed()).await?.ok()?;
            if let Some(status) = self.statuses.borrow_and_update().clone() {
                return Some(status);
            }
        }
    }
}
