//! Keeps a store in step with its upstream (docs/spec.md#writing): polls until nothing is missing, follows the stream of changes, and
//! tells its state as data.
//!
//! ```no_run
//! use std::sync::Arc;
//! use bigseg_core::sync::{SdkKey, SyncConfig, SyncWorker, Upstream};
//! use bigseg_core::{Engine, EngineConfig, StoreConfig};
//!
//! # fn main() -> bigseg_core::Result<()> {
//! // Fills an embedded store and answers from it: no lookup ever needs the network.
//! let store = StoreConfig::parse("local:./mirror.bigseg")?;
//! let upstream = Upstream::new(SdkKey::new("sdk-key")?);
//! let mut config = SyncConfig::new(upstream, &store)?;
//! let engine = Engine::open(EngineConfig::new("local:./mirror.bigseg")?)?;
//! config.observers.push(engine.sync_observer());
//! let worker = SyncWorker::start(config)?;
//! println!("{:?}", worker.status().phase);
//! worker.close_blocking();
//! # Ok(())
//! # }
//! ```
//!
//! `run_loop.rs` has the walk; `poll.rs` and `stream.rs` bring bytes, `byte_pipe.rs` hands them to a thread, where `patch_parser.rs`
//! makes patches of them and `apply.rs` puts those into the store; `sync_marker.rs` marks it synchronised; `retry.rs` says how long
//! to wait.
//!
//! # Memory
//! A page is parsed and applied while it arrives, whatever its length. A worker holds at most some pieces from the network (2 MiB),
//! one portion of patches of 32,768 operations in all and, in an embedded store, the pages that this portion changes (at
//! worst 4 KiB for each operation, 128 MiB). A patch of more operations lies in a temporary file until all of it has come.

mod apply;
mod byte_pipe;
mod client;
mod config;
mod event_parser;
mod patch_buffer;
mod patch_parser;
mod poll;
mod retry;
mod run_loop;
mod status;
mod stream;
mod sync_marker;
mod upstream;
mod worker;

pub use config::{SyncConfig, SyncObserver};
pub use status::{SyncCounters, SyncError, SyncPhase, SyncProgress, SyncStatus, SyncUpdates};
pub use upstream::{SdkKey, Upstream, UpstreamProxy};
pub use worker::SyncWorker;
