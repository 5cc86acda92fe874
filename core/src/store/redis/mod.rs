//! The store in Redis: `redis://`, `rediss://` (TLS) and `redis+unix://`, with the schema that every SDK reads.
//!
//! `keys.rs` has the layout (SPEC §3). Readers share one connection among all who ask and replace it by themselves;
//! each writer has one of its own, because a `WATCH` belongs to a connection.

mod cluster;
mod config;
mod connection;
mod connector;
mod delivery;
mod errand;
mod failure;
mod keys;
mod link;
mod listener;
mod loader;
mod login;
mod many_slots;
mod node;
mod one_slot;
mod operation;
mod push;
mod reader;
mod scanner;
mod sentinel;
mod servers;
mod session;
mod slots;
mod store_string;
mod walk;
mod writer;

pub use config::{ReadFrom, RedisAddress, RedisConfig, RedisLogin, RedisSentinels, RedisServers, RedisTls};
pub use keys::KeyPrefix;
pub use reader::RedisReader;
pub use scanner::RedisScanner;
pub use writer::RedisWriter;
