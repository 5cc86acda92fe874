//! The status of all integrations as JSON: in the words of the Relay Proxy, and in those of docs/spec.md#integration-status.

use std::collections::BTreeMap;

use bigseg_core::integration::{Integration, IntegrationState, IntegrationStatus, Registry};
use bigseg_core::sync::SyncError;
use serde_json::{Value, json};

/// Returns whether every integration that is on is healthy.
pub(super) fn is_ready(registry: &Registry) -> bool {
    let is_well = |status: &IntegrationStatus| {
        matches!(status.state, IntegrationState::Healthy | IntegrationState::Off)
    };
    registry
        .integrations()
        .iter()
        .all(|integration| is_well(&integration.status()) && is_settled(integration))
}

/// Returns whether one that is on has left the state of being off.
fn is_settled(integration: &Integration) -> bool {
    !integration.definition().on || integration.status().state != IntegrationState::Off
}

/// Describes all integrations. It has no place for a secret.
pub(super) fn report(registry: &Registry, now: i64) -> Value {
    let integrations = registry.integrations();
    let environments: BTreeMap<String, Value> = integrations
        .iter()
        .map(|integration| (integration.definition().id, environment(&integration.status(), now)))
        .collect();
    let described: Vec<Value> = integrations.iter().map(|integration| describe(integration, now)).collect();
    json!({
        "status": if is_ready(registry) { "healthy" } else { "degraded" },
        "version": env!("CARGO_PKG_VERSION"),
        "environments": environments,
        "integrations": described,
    })
}

/// Describes an integration as the Relay Proxy describes an environment.
fn environment(status: &IntegrationStatus, now: i64) -> Value {
    let is_connected = status.state == IntegrationState::Healthy;
    json!({
        "status": if is_connected { "connected" } else { "disconnected" },
        "bigSegmentStatus": {
            "available": status.is_available(),
            "potentiallyStale": status.is_potentially_stale(now),
            "lastSynchronizedOn": status.last_synchronized.unwrap_or(0),
        },
    })
}

fn describe(integration: &Integration, now: i64) -> Value {
    let (definition, status) = (integration.definition(), integration.status());
    let (progress, counters) = (status.progress, status.counters);
    let errors: Vec<Value> = integration.error_log().iter().map(error).collect();
    json!({
        "id": definition.id,
        "name": definition.name,
        "project": definition.project,
        "environment": definition.environment,
        "on": definition.on,
        "store": definition.store.to_string(),
        "state": status.state.name(),
        "since": status.since,
        "error": status.error.as_ref().map(error),
        "progress": {
            "patches": progress.patches,
            "operations": progress.operations,
            "operationsPerSecond": progress.operations_per_second,
        },
        "counters": {
            "patches": counters.patches,
            "operations": counters.operations,
            "repeated": counters.repeated,
            "pages": counters.pages,
            "streams": counters.streams,
            "outOfOrder": counters.out_of_order,
            "dataLosses": counters.data_losses,
        },
        "status": {
            "available": status.is_available(),
            "potentiallyStale": status.is_potentially_stale(now),
            "lastSync": status.last_synchronized.unwrap_or(0),
            "lastError": status.last_error.unwrap_or(0),
            "errors": errors,
        },
    })
}

/// Describes an error; one without an answer of the upstream has the status code 0.
fn error(error: &SyncError) -> Value {
    json!({
        "statusCode": error.status_code.unwrap_or(0),
        "message": error.message,
        "timestamp": error.timestamp,
        "kind": error.kind.name(),
        "since": error.since,
        "times": error.times,
    })
}
