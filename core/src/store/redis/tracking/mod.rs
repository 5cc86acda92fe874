//! Push invalidation: `CLIENT TRACKING` on every master.

mod connection;
mod subscriber;

pub(super) use subscriber::Push;
