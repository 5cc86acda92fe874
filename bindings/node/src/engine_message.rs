//! The messages from the threads of an engine to JavaScript.

use bigseg::{ContextHash, StoreStatus};

use crate::tsfn_queue::Message;

/// A message of an engine.
pub(crate) enum EngineMessage {
    /// A pending call can continue.
    CallReady(u32),
    /// The status of the store changed; for one listener.
    Status(u32, StoreStatus),
    /// A request to a custom store for memberships.
    Memberships(u32, Vec<ContextHash>),
    /// A request to a custom store for its metadata.
    Metadata(u32),
}

impl Message for EngineMessage {
    /// A status replaces the previous one of the same listener.
    fn replaces(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Status(listener, _), Self::Status(listener_before, _)) => listener == listener_before,
            _ => false,
        }
    }
}
