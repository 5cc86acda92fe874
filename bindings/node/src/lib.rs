//! The native half of the Node package `bigseg`: conversions and waiting, no logic.
//!
//! The package around it, in `../lib/`, is the API; this module is private to it. Everything here runs on the thread of
//! one JavaScript environment, except `mailbox.rs`, through which the engine's threads reach it.

pub mod answers;
mod calls;
pub mod clock;
pub mod context;
mod courier;
pub mod custom_store;
pub mod engine;
pub mod error;
pub mod evaluation;
mod hot_path;
pub mod import;
pub mod integration;
pub mod log;
mod mailbox;
mod message;
pub mod options;
pub mod status;
pub mod words;
