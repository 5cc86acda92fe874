use tokio::sync::watch;

use super::StoreStatus;
use crate::tasks::Stop;

/// The statuses of an engine as they come: the current one first, then each change; the latest value wins.
pub struct StatusUpdates {
    statuses: watch::Receiver<Option<StoreStatus>>,
    stop: Stop,
}

impl StatusUpdates {
    /// Follows a tracker until the signal is given.
    pub fn new(mut statuses: watch::Receiver<Option<StoreStatus>>, stop: Stop) -> Self {
        statuses.mark_changed();
        Self { statuses, stop }
    }

    /// Returns the next status, or `None` once the engine is closed.
    pub async fn next(&mut self) -> Option<StoreStatus> {
        loop {
            self.stop.unless_given(self.statuses.changed()).await?.ok()?;
            if let Some(status) = self.statuses.borrow_and_update().clone() {
                return Some(status);
            }
        }
    }
}
