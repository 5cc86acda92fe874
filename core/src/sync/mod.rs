//! Keeps a store in sync with its upstream: polls until the store has everything, follows the
//! stream of changes, and reports its state as data (docs/spec.md#writing).
//!
//! ```no_run
//! use std::sync::Arc;
//! use bigseg::sync::{SdkKey, SyncConfig, SyncWorker, Upstream};
//! use bigseg::{Engine, EngineConfig, StoreConfig};
//!
//! # fn main() -> bigseg::Result<()> {
//! // Fills an embedded store and answers from it: no lookup needs the network.
//! let store = StoreConfig::parse("local:./mirror.bigseg")?;
//! let upstream = Upstream::new(SdkKey::new("sdk-key")?);
//! let mut config = SyncConfig::new(upstream, &store)?;
//! let engine = Engine::open(EngineConfig::new("local:./mirror.bigseg")?)?;
//! config.observers.push(engine.sync_observer());
//! let worker = SyncWorker::start(config)?;
//! println!("{:?}", worker.status().phase);
//! worker.close().wait();
//! # Ok(())
//! # }
//! ```
//!
//! # Data flow
//! `run_loop` decides what comes next and `retry` how long to wait. `poll` and `stream` receive
//! bytes (`client`, `event_parser`). `ingest` passes them through `byte_pipe` to a blocking thread,
//! where `patch_parser` and `patch_buffer` make patches of them and `apply` writes those to the
//! store. `sync_marker` marks the store as synchronised.
//!
//! # Memory
//! A page is parsed and applied while it arrives, whatever its length. A worker holds at most:
//! 1. chunks from the network, 2 MiB;
//! 2. patches of 32,768 operations in all; a larger patch is buffered in a temporary file;
//! 3. in an embedded store, the pages that these operations change: at worst 4 KiB for each, 128
//!    MiB.

mod apply;
mod byte_pipe;
mod client;
mod config;
mod event_parser;
mod ingest;
mod patch_buffer;
mod patch_parser;
mod poll;
mod retry;
mod run_loop;
mod status;
mod stream;
mod sync_marker;
mod tls;
mod upstream;
mod worker;

pub use config::{SyncConfig, SyncObserver};
pub use status::{SyncCounters, SyncFailure, SyncPhase, SyncProgress, SyncStatus, SyncUpdates};
pub use upstream::{SdkKey, Upstream, UpstreamProxy};
pub use worker::SyncWorker;
