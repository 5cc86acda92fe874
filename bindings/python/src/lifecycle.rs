//! What happens at exit and at `fork`; `python/bigseg/lifecycle.py` calls these functions.

use pyo3::prelude::*;

use crate::{gil, log};

/// Delivers the last log records, and keeps library threads out of the interpreter from now on.
///
/// Called at exit, after every engine was closed.
#[pyfunction]
pub(crate) fn shut_down(py: Python<'_>) {
    log::deliver(py);
    gil::shut_down(py);
}

/// Resets the state that belongs to threads which do not exist in a forked child.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    gil::reset_count();
    log::reset_queue();
}
