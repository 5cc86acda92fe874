//! The C ABI: one file per noun of `include/bigseg.h`, in the order of the header.
//!
//! `include/README.md` has the conventions. Parameters are typed so that most bodies are safe code: `Option<&T>` and
//! `Option<&mut T>` are pointers that may be NULL, `Option<Box<T>>` is a handle given back. Each module's own comment
//! and each item's end up in the header, so they are written for readers of C.

#![allow(
    non_camel_case_types,
    reason = "a name is spelled in Rust as it is in C, so that one search finds both"
)]
#![allow(clippy::not_unsafe_ptr_arg_deref, reason = "only C calls these, and there nothing is marked unsafe")]

#[cfg(panic = "abort")]
compile_error!("a panic must not end the host program: build libbigseg with panic = \"unwind\"");

// Plumbing; nothing of it is in the header.
mod guard;
mod sized;

// The header. Text and failures:
pub mod text;
pub mod version;

pub mod code;
pub mod error;

// The words of the domain:
pub mod context_hash;
pub mod membership;
pub mod segment_ref;

// What an engine is opened with:
pub mod clock;
pub mod userdata;

pub mod store_results;

pub mod custom_store;

pub mod config;
pub mod engine;

// What it tells:
pub mod lookup;
pub mod lookup_async;
pub mod status;
pub mod status_listener;

pub mod metrics;

// Evaluation of flags and segments:
pub mod context;
pub mod data;

pub mod reason;

pub mod evaluation;
pub mod segment_answer;

pub mod explanation;

// What fills a store:
pub mod import;

// What keeps one in step:
pub mod integration_config;

pub mod integration;

pub mod error_log;
pub mod integration_status;

pub mod integration_listener;

// What the whole process shares:
pub mod log;
