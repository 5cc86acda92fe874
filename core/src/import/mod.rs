//! Fills a store from lists: collects them in any order, and hands the store each context once,
//! sorted by hash.
//!
//! An [`Import`] may be far larger than memory; the rest is kept in temporary files.

mod csv_rows;
mod importer;
mod lines;
mod ndjson_lines;
mod sorter;

pub use crate::store::Entry;
pub use importer::{Import, ImportOptions, ImportProgress, ImportReport};
pub use lines::{BadLine, LineFormat, LineReader};
