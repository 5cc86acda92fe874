//! What the threads of an engine have to say to JavaScript.

use bigseg_core::{ContextHash, StoreStatus};

use crate::tsfn_queue::Mail;

/// A message of one engine's.
pub(crate) enum Message {
    /// A call can go on.
    Woken(u32),
    /// The store's status changed; for one listener.
    Status(u32, StoreStatus),
    /// A custom store is asked for memberships.
    Memberships(u32, Vec<ContextHash>),
    /// A custom store is asked for its metadata.
    Metadata(u32),
}

impl Mail for Message {
    /// Of a status, the latest value wins.
    fn supersedes(&self, before: &Self) -> bool {
        matches!((self, before), (Self::Status(listener, _), Self::Status(known, _)) if listener == known)
    }
}
