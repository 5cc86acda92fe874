//! Push invalidation: subscribes to changes on every master, with `CLIENT TRACKING`.

mod connection;
mod subscriber;

pub(super) use subscriber::PushSubscriber;
