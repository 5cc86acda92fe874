//! The Python classes that native code instantiates; the package registers them on import.

use bigseg::engine::Explanation;
use bigseg::error::ErrorKind;
use bigseg::import::ImportReport;
use bigseg::integration::{IntegrationState, IntegrationStatus};
use bigseg::segment::{Decider, Decision, EvaluationErrorKind, Reason, ReasonKind, SegmentKind};
use bigseg::store::Limitation;
use bigseg::sync::SyncFailure;
use bigseg::{LookupStatus, Metrics, Origin, SegmentRef, StoreStatus};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

static PYTHON_TYPES: PyOnceLock<PythonTypes> = PyOnceLock::new();

struct PythonTypes {
    /// The enumeration member and the exception class of each kind, in the order of
    /// [`ErrorKind::ALL`].
    errors: Vec<(Py<PyAny>, Py<PyAny>)>,
    lookup_statuses: Vec<Py<PyAny>>,
    origins: Vec<Py<PyAny>>,
    store_status: Py<PyAny>,
    last_error: Py<PyAny>,
    limitation: Py<PyAny>,
    metrics: Py<PyAny>,
    import_report: Py<PyAny>,
    integration_states: Vec<Py<PyAny>>,
    integration_status: Py<PyAny>,
    integration_progress: Py<PyAny>,
    sync_failure: Py<PyAny>,
    sync_counters: Py<PyAny>,
    reason_kinds: Vec<Py<PyAny>>,
    evaluation_error_kinds: Vec<Py<PyAny>>,
    deciders: Vec<Py<PyAny>>,
    segment_kinds: Vec<Py<PyAny>>,
    reason: Py<PyAny>,
    decision: Py<PyAny>,
    explanation: Py<PyAny>,
}

/// Registers the classes of the package.
///
/// `errors` maps the name of each error kind to its enumeration member and its exception class.
#[pyfunction]
pub(crate) fn register_types(
    py: Python<'_>,
    errors: &Bound<'_, PyDict>,
    classes: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let class = |name: &str| classes.as_any().get_item(name);
    let error = |kind: &ErrorKind| -> PyResult<_> {
        errors.as_any().get_item(kind.name())?.extract::<(Py<PyAny>, Py<PyAny>)>()
    };
    // Looks up the members of an enumeration by their values.
    let members = |name: &str, values: &[&str]| -> PyResult<Vec<Py<PyAny>>> {
        let class = class(name)?;
        values.iter().map(|value| Ok(class.call1((value,))?.unbind())).collect()
    };
    let lookup_status = class("LookupStatus")?;
    let types = PythonTypes {
        errors: ErrorKind::ALL.iter().map(error).collect::<PyResult<_>>()?,
        lookup_statuses: LookupStatus::ALL
            .iter()
            .map(|status| Ok(lookup_status.get_item(status.name())?.unbind()))
            .collect::<PyResult<_>>()?,
        origins: members("Origin", &["store", "cache", "last_known", "nothing"])?,
        store_status: class("StoreStatus")?.unbind(),
        last_error: class("LastError")?.unbind(),
        limitation: class("Limitation")?.unbind(),
        metrics: class("Metrics")?.unbind(),
        import_report: class("ImportReport")?.unbind(),
        integration_states: members(
            "IntegrationState",
            &names(IntegrationState::ALL, IntegrationState::name),
        )?,
        integration_status: class("IntegrationStatus")?.unbind(),
        integration_progress: class("IntegrationProgress")?.unbind(),
        sync_failure: class("SyncFailure")?.unbind(),
        sync_counters: class("SyncCounters")?.unbind(),
        reason_kinds: members("ReasonKind", &names(ReasonKind::ALL, ReasonKind::name))?,
        evaluation_error_kinds: members(
            "EvaluationErrorKind",
            &names(EvaluationErrorKind::ALL, EvaluationErrorKind::name),
        )?,
        deciders: members("Decider", &names(Decider::ALL, Decider::name))?,
        segment_kinds: members("SegmentKind", &names(SegmentKind::ALL, SegmentKind::name))?,
        reason: class("Reason")?.unbind(),
        decision: class("Decision")?.unbind(),
        explanation: class("Explanation")?.unbind(),
    };
    // A second import in one process keeps the classes of the first, which are the same.
    let _ = PYTHON_TYPES.set(py, types);
    Ok(())
}

fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().copied().map(name).collect()
}

/// Returns the member at the index that `value` has in the core's list.
fn member<T: PartialEq>(py: Python<'_>, members: &[Py<PyAny>], all: &[T], value: T) -> Py<PyAny> {
    let index = all.iter().position(|known| *known == value).expect("the list has every value");
    members[index].clone_ref(py)
}

fn types(py: Python<'_>) -> &PythonTypes {
    PYTHON_TYPES.get(py).expect("the package registers its classes on import")
}

/// Returns the exception class of a kind of error.
pub(crate) fn exception_class(py: Python<'_>, kind: ErrorKind) -> &Bound<'_, PyAny> {
    types(py).errors[index_of(kind)].1.bind(py)
}

fn kind_member(py: Python<'_>, kind: ErrorKind) -> &Bound<'_, PyAny> {
    types(py).errors[index_of(kind)].0.bind(py)
}

fn index_of(kind: ErrorKind) -> usize {
    ErrorKind::ALL.iter().position(|known| *known == kind).expect("the table has every kind")
}

/// Returns the member of `LookupStatus`.
pub(crate) fn lookup_status(py: Python<'_>, status: LookupStatus) -> Py<PyAny> {
    types(py).lookup_statuses[status as usize].clone_ref(py)
}

/// Returns the member of `Origin`.
pub(crate) fn origin(py: Python<'_>, origin: &Origin) -> Py<PyAny> {
    let index = match origin {
        Origin::Store => 0,
        Origin::Cache { .. } => 1,
        Origin::LastKnown { .. } => 2,
        Origin::Nothing => 3,
    };
    types(py).origins[index].clone_ref(py)
}

/// Makes a `StoreStatus`.
pub(crate) fn store_status(py: Python<'_>, status: &StoreStatus) -> PyResult<Py<PyAny>> {
    let last_error = match &status.last_error {
        None => py.None(),
        Some(error) => {
            let fields = (kind_member(py, error.kind), &error.message, error.at);
            types(py).last_error.call1(py, fields)?
        }
    };
    let limitation =
        |limitation: &Limitation| types(py).limitation.call1(py, (&limitation.feature, &limitation.reason));
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
    types(py).store_status.call(py, PyTuple::empty(py), Some(&fields))
}

/// Makes a `Metrics`.
pub(crate) fn metrics(py: Python<'_>, metrics: &Metrics) -> PyResult<Py<PyAny>> {
    let fields = PyDict::new(py);
    for (name, value) in metrics.all() {
        fields.set_item(name, value)?;
    }
    types(py).metrics.call(py, PyTuple::empty(py), Some(&fields))
}

/// Makes an `ImportReport`.
pub(crate) fn import_report(py: Python<'_>, report: &ImportReport) -> PyResult<Py<PyAny>> {
    let fields = (report.memberships, report.contexts, report.replaced);
    types(py).import_report.call1(py, fields)
}

/// Makes a `SyncFailure`.
pub(crate) fn sync_failure(py: Python<'_>, error: &SyncFailure) -> PyResult<Py<PyAny>> {
    let kind = kind_member(py, error.kind);
    let fields = (kind, error.status_code, &error.message, error.since, error.timestamp, error.times);
    types(py).sync_failure.call1(py, fields)
}

/// Makes an `IntegrationStatus`.
pub(crate) fn integration_status(py: Python<'_>, status: &IntegrationStatus) -> PyResult<Py<PyAny>> {
    let types = types(py);
    let state = member(py, &types.integration_states, IntegrationState::ALL, status.state);
    let error = status.error.as_ref().map(|error| sync_failure(py, error)).transpose()?;
    let progress = &status.progress;
    let progress = (progress.patches, progress.operations, progress.operations_per_second);
    let progress = types.integration_progress.call1(py, progress)?;
    let counters = PyDict::new(py);
    counters.set_item("patches", status.counters.patches)?;
    counters.set_item("operations", status.counters.operations)?;
    counters.set_item("repeated", status.counters.repeated)?;
    counters.set_item("pages", status.counters.pages)?;
    counters.set_item("streams", status.counters.streams)?;
    counters.set_item("out_of_order", status.counters.out_of_order)?;
    counters.set_item("data_losses", status.counters.data_losses)?;
    let counters = types.sync_counters.call(py, PyTuple::empty(py), Some(&counters))?;
    let fields =
        (state, status.since, status.last_synchronized, error, status.last_error, progress, counters);
    types.integration_status.call1(py, fields)
}

/// Returns the member of `EvaluationErrorKind`.
pub(crate) fn evaluation_error_kind(py: Python<'_>, kind: EvaluationErrorKind) -> Py<PyAny> {
    member(py, &types(py).evaluation_error_kinds, EvaluationErrorKind::ALL, kind)
}

/// Returns the member of `SegmentKind`.
pub(crate) fn segment_kind(py: Python<'_>, kind: SegmentKind) -> Py<PyAny> {
    member(py, &types(py).segment_kinds, SegmentKind::ALL, kind)
}

/// Makes a `Reason`.
pub(crate) fn reason(py: Python<'_>, reason: &Reason) -> PyResult<Py<PyAny>> {
    let types = types(py);
    let fields = (
        member(py, &types.reason_kinds, ReasonKind::ALL, reason.kind),
        reason.error_kind.map(|kind| evaluation_error_kind(py, kind)),
        reason.rule_index,
        &reason.rule_id,
        &reason.prerequisite_key,
        reason.in_experiment,
        reason.big_segments_status.map(|status| lookup_status(py, status)),
    );
    types.reason.call1(py, fields)
}

/// Makes a tuple of `Decision`s.
pub(crate) fn decisions<'py>(py: Python<'py>, decisions: &[Decision]) -> PyResult<Bound<'py, PyTuple>> {
    let types = types(py);
    let decision = |decision: &Decision| {
        let fields = (
            &*decision.segment_key,
            decision.segment_ref.as_ref().map(SegmentRef::as_str),
            member(py, &types.deciders, Decider::ALL, decision.decider),
            decision.rule_index,
            decision.rule_id.as_deref(),
            decision.status.map(|status| lookup_status(py, status)),
        );
        types.decision.call1(py, fields)
    };
    PyTuple::new(py, decisions.iter().map(decision).collect::<PyResult<Vec<_>>>()?)
}

/// Makes an `Explanation` from the core's explanation, and the objects of its answer and its error.
pub(crate) fn explanation(
    py: Python<'_>,
    answer: Py<PyAny>,
    error: Option<Py<PyAny>>,
    explanation: &Explanation,
) -> PyResult<Py<PyAny>> {
    let fields = (
        answer,
        explanation.hash.map(|hash| hash.to_string()),
        explanation.value,
        explanation.origin.map(|value| origin(py, &value)),
        explanation.origin.map(|origin| origin.age().as_secs_f64()),
        explanation.embedded,
        error,
    );
    types(py).explanation.call1(py, fields)
}
