//! The classes of `python/bigseg/` that native code makes objects of; Python hands them over once, when it is imported.

use bigseg_core::error::ErrorKind;
use bigseg_core::import::ImportReport;
use bigseg_core::integration::{IntegrationState, IntegrationStatus};
use bigseg_core::store::Limitation;
use bigseg_core::sync::SyncError;
use bigseg_core::{LookupStatus, Metrics, Origin, StoreStatus};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

static VOCABULARY: PyOnceLock<Vocabulary> = PyOnceLock::new();

struct Vocabulary {
    /// Of each kind of error, in the order of [`ErrorKind::ALL`]: the member of the enumeration, and the exception.
    errors: Vec<(Py<PyAny>, Py<PyAny>)>,
    lookup_statuses: Vec<Py<PyAny>>,
    origins: Vec<Py<PyAny>>,
    store_status: Py<PyAny>,
    status_error: Py<PyAny>,
    limitation: Py<PyAny>,
    metrics: Py<PyAny>,
    import_report: Py<PyAny>,
    integration_states: Vec<Py<PyAny>>,
    integration_status: Py<PyAny>,
    integration_progress: Py<PyAny>,
    sync_error: Py<PyAny>,
    sync_counters: Py<PyAny>,
}

/// Takes over the classes of the package; `errors` maps the name of each kind to its enumeration member and exception.
#[pyfunction]
pub(crate) fn install(
    py: Python<'_>,
    errors: &Bound<'_, PyDict>,
    classes: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let class = |name: &str| classes.as_any().get_item(name);
    let error = |kind: &ErrorKind| -> PyResult<_> {
        errors.as_any().get_item(kind.name())?.extract::<(Py<PyAny>, Py<PyAny>)>()
    };
    let lookup_status = class("LookupStatus")?;
    let origin = class("Origin")?;
    let integration_state = class("IntegrationState")?;
    let vocabulary = Vocabulary {
        errors: ErrorKind::ALL.iter().map(error).collect::<PyResult<_>>()?,
        lookup_statuses: LookupStatus::ALL
            .iter()
            .map(|status| Ok(lookup_status.get_item(status.name())?.unbind()))
            .collect::<PyResult<_>>()?,
        origins: ["STORE", "CACHE", "LAST_KNOWN", "NOTHING"]
            .iter()
            .map(|name| Ok(origin.get_item(name)?.unbind()))
            .collect::<PyResult<_>>()?,
        store_status: class("StoreStatus")?.unbind(),
        status_error: class("StatusError")?.unbind(),
        limitation: class("Limitation")?.unbind(),
        metrics: class("Metrics")?.unbind(),
        import_report: class("ImportReport")?.unbind(),
        integration_states: IntegrationState::ALL
            .iter()
            .map(|state| Ok(integration_state.call1((state.name(),))?.unbind()))
            .collect::<PyResult<_>>()?,
        integration_status: class("IntegrationStatus")?.unbind(),
        integration_progress: class("IntegrationProgress")?.unbind(),
        sync_error: class("SyncError")?.unbind(),
        sync_counters: class("SyncCounters")?.unbind(),
    };
    // A second import in one process finds the first one's classes, which are the same.
    let _ = VOCABULARY.set(py, vocabulary);
    Ok(())
}

fn vocabulary(py: Python<'_>) -> &Vocabulary {
    VOCABULARY.get(py).expect("the package installs its classes when it is imported")
}

/// Returns the exception class of a kind of error.
pub(crate) fn exception_of(py: Python<'_>, kind: ErrorKind) -> &Bound<'_, PyAny> {
    vocabulary(py).errors[place(kind)].1.bind(py)
}

fn kind_of(py: Python<'_>, kind: ErrorKind) -> &Bound<'_, PyAny> {
    vocabulary(py).errors[place(kind)].0.bind(py)
}

fn place(kind: ErrorKind) -> usize {
    ErrorKind::ALL.iter().position(|known| *known == kind).expect("every kind stands in the table")
}

/// Returns the member of `LookupStatus`.
pub(crate) fn lookup_status(py: Python<'_>, status: LookupStatus) -> Py<PyAny> {
    vocabulary(py).lookup_statuses[status as usize].clone_ref(py)
}

/// Returns the member of `Origin`.
pub(crate) fn origin(py: Python<'_>, origin: &Origin) -> Py<PyAny> {
    let place = match origin {
        Origin::Store => 0,
        Origin::Cache { .. } => 1,
        Origin::LastKnown { .. } => 2,
        Origin::Nothing => 3,
    };
    vocabulary(py).origins[place].clone_ref(py)
}

/// Makes a `StoreStatus`.
pub(crate) fn store_status(py: Python<'_>, status: &StoreStatus) -> PyResult<Py<PyAny>> {
    let last_error = match &status.last_error {
        None => py.None(),
        Some(error) => {
            let fields = (kind_of(py, error.kind), &error.message, error.at);
            vocabulary(py).status_error.call1(py, fields)?
        }
    };
    let limitation = |limitation: &Limitation| {
        vocabulary(py).limitation.call1(py, (&limitation.feature, &limitation.reason))
    };
    let limitations = status.limitations.iter().map(limitation).collect::<PyResult<Vec<_>>>()?;
    let fields = PyDict::new(py);
    fields.set_item("available", status.available)?;
    fields.set_item("stale", status.stale)?;
    fields.set_item("last_up_to_date", status.last_up_to_date)?;
    fields.set_item("last_error", last_error)?;
    fields.set_item("since", status.since)?;
    fields.set_item("clock_skew", status.clock_skew)?;
    fields.set_item("push_invalidation", status.push_invalidation)?;
    fields.set_item("limitations", PyTuple::new(py, limitations)?)?;
    vocabulary(py).store_status.call(py, PyTuple::empty(py), Some(&fields))
}

/// Makes a `Metrics`.
pub(crate) fn metrics(py: Python<'_>, metrics: &Metrics) -> PyResult<Py<PyAny>> {
    let fields = PyDict::new(py);
    for (name, figure) in metrics.all() {
        fields.set_item(name, figure)?;
    }
    vocabulary(py).metrics.call(py, PyTuple::empty(py), Some(&fields))
}

/// Makes an `ImportReport`.
pub(crate) fn import_report(py: Python<'_>, report: &ImportReport) -> PyResult<Py<PyAny>> {
    let fields = (report.memberships, report.contexts, report.replaced);
    vocabulary(py).import_report.call1(py, fields)
}

/// Makes a `SyncError`.
pub(crate) fn sync_error(py: Python<'_>, error: &SyncError) -> PyResult<Py<PyAny>> {
    let kind = kind_of(py, error.kind);
    let fields = (kind, error.status_code, &error.message, error.since, error.timestamp, error.times);
    vocabulary(py).sync_error.call1(py, fields)
}

/// Makes an `IntegrationStatus`.
pub(crate) fn integration_status(py: Python<'_>, status: &IntegrationStatus) -> PyResult<Py<PyAny>> {
    let words = vocabulary(py);
    let state = IntegrationState::ALL.iter().position(|known| *known == status.state);
    let state = &words.integration_states[state.expect("every state stands in the list")];
    let error = status.error.as_ref().map(|error| sync_error(py, error)).transpose()?;
    let progress = &status.progress;
    let progress = (progress.patches, progress.operations, progress.operations_per_second);
    let progress = words.integration_progress.call1(py, progress)?;
    let counters = PyDict::new(py);
    counters.set_item("patches", status.counters.patches)?;
    counters.set_item("operations", status.counters.operations)?;
    counters.set_item("repeated", status.counters.repeated)?;
    counters.set_item("pages", status.counters.pages)?;
    counters.set_item("streams", status.counters.streams)?;
    counters.set_item("out_of_order", status.counters.out_of_order)?;
    counters.set_item("data_losses", status.counters.data_losses)?;
    let counters = words.sync_counters.call(py, PyTuple::empty(py), Some(&counters))?;
    let fields =
        (state, status.since, status.last_synchronized, error, status.last_error, progress, counters);
    words.integration_status.call1(py, fields)
}
