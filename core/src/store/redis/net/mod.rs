//! Connections to Redis servers: how they are made, shared, owned and replaced.

mod connection;
mod connector;
mod exclusive;
mod handshake;
mod sentinel;
mod shared;

pub(super) use connection::Connection;
pub(super) use connector::{Connector, Target};
pub(super) use exclusive::ExclusiveConnection;
pub(super) use sentinel::Role;
pub(super) use shared::SharedConnection;
