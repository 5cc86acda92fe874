//! Stores, for the rest of the engine: readers, writers, and scanners for tools.

mod backend;
mod blocking_adapter;
mod config;
mod identity;
mod options;
mod parse;
mod reader;
mod writer;

#[cfg(feature = "dynamodb")]
pub mod dynamodb;
pub mod local;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;

pub use backend::Backend;
pub use blocking_adapter::{BlockingAdapter, BlockingStore};
pub use config::StoreConfig;
pub use options::{OptionType, OptionValue, StoreOption};
pub use parse::StoreName;
pub use reader::{
    BatchResult, ChangeListener, InlineReader, Limitation, Metadata, StoreReader, StoreScanner, guarded,
    parse_synchronized_on,
};
pub use writer::{Cursor, Entry, LoadEntry, LoadPlan, LoadReport, LoadSource, StoreWriter};

use reader::query_inline;
#[cfg(any(feature = "dynamodb", feature = "redis"))]
use writer::effective_segments;
