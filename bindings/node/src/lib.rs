//! The native half of the Node package `bigseg`: conversions and waiting, no logic.
//!
//! The package in `../lib/` is the API; this module is private to it. Everything here runs on the
//! thread of one JavaScript environment, except `tsfn_queue.rs`, which other threads write to.

pub mod answer_codec;
pub mod clock;
pub mod custom_store;
pub mod engine;
mod engine_consumer;
mod engine_message;
mod engine_state;
pub mod error;
pub mod evaluation;
mod hot_path;
pub mod identifiers;
pub mod import;
pub mod integration;
mod js_call;
pub mod log;
pub mod options;
mod pending_calls;
mod raw_call;
pub mod status;
pub mod store_config;
mod tsfn_queue;
