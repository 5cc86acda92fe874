//! The native half of the Python module `bigseg`: conversions and waiting, no logic.
//!
//! `python/bigseg/` is the API; this module is private to it. Nothing here holds the GIL while it waits, and no thread
//! of the engine enters the interpreter except through `gil.rs`.

mod answer;
mod argument;
mod asyncio_bridge;
mod clock;
mod context;
mod custom_store;
mod engine;
mod error;
mod evaluation;
mod fork_aware_engine;
mod gil;
mod identifiers;
mod import;
mod integration;
mod interruptible_wait;
mod json;
mod listeners;
mod log;
mod lookup;
mod membership;
mod options;
mod python_types;
mod store_config;
mod upstream;

use pyo3::prelude::*;

/// What `python/bigseg/` is made of.
#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::answer::Answer;
    #[pymodule_export]
    use crate::clock::ManualClock;
    #[pymodule_export]
    use crate::context::Context;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::evaluation::{Evaluation, SegmentAnswer};
    #[pymodule_export]
    use crate::gil::{after_fork_in_child, leave};
    #[pymodule_export]
    use crate::identifiers::{classify, context_hash, parse_context_hash, parse_segment_ref, segment_ref};
    #[pymodule_export]
    use crate::import::Import;
    #[pymodule_export]
    use crate::integration::Integration;
    #[pymodule_export]
    use crate::membership::Membership;
    #[pymodule_export]
    use crate::python_types::install;
    #[pymodule_export]
    use crate::store_config::StoreConfig;
    #[pymodule_export]
    use crate::upstream::Upstream;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::gil::check_main()?;
        crate::log::register();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
