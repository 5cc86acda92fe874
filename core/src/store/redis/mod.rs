//! The store in Redis: `redis://`, `rediss://` (TLS) and `redis+unix://`, with the schema that every SDK reads.
//!
//! `keys.rs` has the layout (SPEC §3). Readers share one connection among all who ask and replace it by themselves;
//! each writer has one of its own, because a `WATCH` belongs to a connection.

mod config;
mod connection;
mod failure;
mod keys;
mod link;
mod loader;
mod push;
mod reader;
mod scanner;
mod session;
mod store_string;
mod writer;

pub use config::{RedisAddress, RedisConfig, RedisTls};
pub use keys::KeyPrefix;
pub use reader::RedisReader;
pub use scanner::RedisScanner;
pub use writer::RedisWriter;

pub(super) use store_string::check_scheme;
