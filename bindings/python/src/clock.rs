//! A manual clock for tests.

use pyo3::prelude::*;

use crate::argument::duration;

/// A clock for tests, which moves only when a test advances it.
#[pyclass(frozen, module = "bigseg")]
pub(crate) struct ManualClock(pub(crate) bigseg::ManualClock);

#[pymethods]
impl ManualClock {
    #[new]
    fn new(unix_millis: i64) -> Self {
        Self(bigseg::ManualClock::new(unix_millis))
    }

    /// Advances both the monotonic and the wall-clock time, by seconds or a `timedelta`.
    #[pyo3(signature = (by, /))]
    fn advance(&self, py: Python<'_>, by: &Bound<'_, PyAny>) -> PyResult<()> {
        let by = duration("by", by)?;
        py.detach(|| self.0.advance(by));
        Ok(())
    }

    /// Sets the wall-clock time only, as an administrator or NTP does.
    #[pyo3(signature = (unix_millis, /))]
    fn set_unix_millis(&self, unix_millis: i64) {
        self.0.set_unix_millis(unix_millis);
    }
}
