//! The status of a store: whether it is available, and whether its data are up to date (docs/spec.md#store-status).
//!
//! [`StatusTracker`] records the outcomes of polls and queries; it sends none itself. Subscribers get the latest value
//! only, never a queue.

mod listeners;
mod poller;
mod store_status;
mod tracker;

pub use listeners::{ListenerId, Listeners, StatusUpdates};
pub use poller::Poller;
pub use store_status::{DEFAULT_STALE_AFTER, LastError, StoreStatus};
pub use tracker::{Outcome, PushState, StatusTracker};
