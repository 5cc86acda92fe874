//! The store in Redis: `redis://`, `rediss://` (TLS) and `redis+unix://`, with the schema that every SDK reads.
//!
//! `keys.rs` has the layout (docs/spec.md#redis-schema). Readers share one connection among all who ask and replace it by themselves;
//! each writer has one of its own, because a `WATCH` belongs to a connection.

mod bulk_load;
mod client;
mod cluster;
mod config;
mod error;
mod hash_slot;
mod keys;
mod net;
mod patch;
mod reader;
mod replies;
mod retry;
mod scanner;
mod tracking;
mod url;
mod writer;

pub use config::{
    KeyPrefix, ReadFrom, RedisAddress, RedisConfig, RedisLogin, RedisSentinels, RedisServers, RedisTls,
};
pub use reader::RedisReader;
pub use scanner::RedisScanner;
pub use writer::RedisWriter;
