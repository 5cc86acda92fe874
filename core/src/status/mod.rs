//! The status of a store: whether it is available, and whether its data are up to date
//! (docs/spec.md#store-status).
//!
//! A tracker records the outcomes of polls and queries; it sends none itself. Subscribers get the
//! latest value only, never a queue.

mod listeners;
mod poller;
mod store_status;
mod tracker;

#[doc(hidden)]
pub use listeners::Listeners;
pub use listeners::{ListenerId, StatusUpdates};
#[doc(hidden)]
pub use poller::Poller;
pub use store_status::{DEFAULT_STALE_AFTER, LastError, StoreStatus};
#[doc(hidden)]
pub use tracker::{Outcome, PushState, StatusTracker};
