//! The native half of the Node package `bigseg`: conversions and waiting, no logic.
//!
//! The package around it, in `../lib/`, is the API; this module is private to it. Everything here runs on the thread of
//! one JavaScript environment, except `tsfn_queue.rs`, through which the engine's threads reach it.

pub mod answer_codec;
pub mod clock;
pub mod context;
pub mod custom_store;
pub mod engine;
pub mod error;
pub mod evaluation;
mod hot_path;
pub mod identifiers;
pub mod import;
pub mod integration;
mod js_call;
pub mod log;
mod message;
pub mod options;
mod pending_calls;
pub mod status;
mod tsfn_queue;
