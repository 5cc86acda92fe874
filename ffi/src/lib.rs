//! The C ABI: one file per noun of `include/bigseg.h`, in the order of the header.
//!
//! `include/README.md` has the conventions. Parameters are typed so that most bodies are safe code:
//! `Option<&T>` and `Option<&mut T>` are pointers that may be NULL, and `Option<Box<T>>` is a
//! handle whose ownership the host passes. The comment of each public module and item becomes part
//! of the header, so it is written for readers of C.

#![allow(
    non_camel_case_types,
    reason = "a name is spelled in Rust as it is in C, so that one search finds both"
)]
#![allow(clippy::not_unsafe_ptr_arg_deref, reason = "only C calls these, where nothing is marked unsafe")]

#[cfg(panic = "abort")]
compile_error!("a panic must not end the host program: build libbigseg with panic = \"unwind\"");

// Private modules, which are not part of the header.
mod checks;
mod guard;
mod optional;
mod query;
mod sized;

// The header. Text and errors:
pub mod text;
pub mod version;

pub mod code;
pub mod error;

// Identifiers and memberships:
pub mod context_hash;
pub mod membership;
pub mod segment_ref;

// Inputs of an engine:
pub mod callback;
pub mod clock;

pub mod store_results;

pub mod custom_store;

pub mod config;
pub mod engine;

// Lookups and status:
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

// Writing to a store:
pub mod import;

pub mod integration_config;

pub mod integration;

pub mod error_log;
pub mod integration_status;

pub mod integration_listener;

// The whole process:
pub mod log;
