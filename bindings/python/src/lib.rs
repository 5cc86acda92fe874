//! The native half of the Python module `bigseg`: conversions and waiting, no logic.
//!
//! `python/bigseg/` is the API; this module is private to it. No function here holds the GIL while
//! it waits. Threads of the engine enter the interpreter only through `gil.rs`.

mod answer;
mod argument;
mod asyncio_bridge;
mod asyncio_calls;
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
mod lifecycle;
mod listeners;
mod log;
mod membership;
mod options;
mod python_types;
mod store_config;

use pyo3::prelude::*;

/// The module `bigseg._native`.
#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::answer::Answer;
    #[pymodule_export]
    use crate::asyncio_calls::{
        start_close, start_close_integration, start_evaluate, start_explain, start_membership,
        start_membership_by_hash, start_memberships, start_memberships_by_hash, start_refresh_status,
        start_segment_contains,
    };
    #[pymodule_export]
    use crate::clock::ManualClock;
    #[pymodule_export]
    use crate::context::Context;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::evaluation::{Evaluation, SegmentAnswer};
    #[pymodule_export]
    use crate::identifiers::{classify, context_hash, parse_context_hash, parse_segment_ref, segment_ref};
    #[pymodule_export]
    use crate::import::Import;
    #[pymodule_export]
    use crate::integration::{Integration, Upstream};
    #[pymodule_export]
    use crate::lifecycle::{after_fork_in_child, shut_down};
    #[pymodule_export]
    use crate::membership::Membership;
    #[pymodule_export]
    use crate::python_types::register_types;
    #[pymodule_export]
    use crate::store_config::{StoreConfig, store_option_names};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::gil::check_main_interpreter()?;
        crate::log::register();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
