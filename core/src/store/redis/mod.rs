//! The Redis store: single servers, Redis Cluster and Sentinel, with the schema that every SDK
//! reads.
//!
//! A lookup flows from `reader` through `client`, which sends its commands to one server or routes
//! them in a `cluster`, to a connection of `net`. Readers share one connection to each server.
//! Writers own theirs, because a `WATCH` belongs to a connection.

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
