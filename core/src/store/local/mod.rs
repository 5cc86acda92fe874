//! The embedded store, `local:PATH`: one file, many reader processes, one writer at a time.
//!
//! It is an LMDB environment (`PATH`, and `PATH-lock` beside it) with the logical schema of
//! docs/spec.md#store-schema; `tables.rs` has the layout. Reads come from the page cache, which all
//! processes share.

mod config;
mod environment;
mod error;
mod reader;
mod row_cache;
mod tables;
mod writer;

pub use config::LocalConfig;
pub use reader::LocalReader;
pub use writer::LocalWriter;
