//! The status of all integrations as JSON: in the format of the Relay Proxy, and in that of
//! docs/spec.md#integration-status.

use std::collections::BTreeMap;

use bigseg::integration::{Integration, IntegrationState, IntegrationStatus, Registry};
use bigseg::sync::SyncFailure;
use serde_json::{Value, json};

/// Returns whether every integration that is on is healthy: the readiness of the service.
pub(super) fn is_ready(registry: &Registry) -> bool {
    registry.integrations().iter().all(|integration| is_healthy_or_off(integration))
}

fn is_healthy_or_off(integration: &Integration) -> bool {
    match integration.status().state {
        IntegrationState::Healthy => true,
        // An integration that was just turned on may still have the state "off".
        IntegrationState::Off => !integration.definition().on,
        _ => false,
    }
}

/// Returns the report on all integrations; it contains no secret.
pub(super) fn report(registry: &Registry, now: i64) -> Value {
    let integrations = registry.integrations();
    let environments: BTreeMap<String, Value> = integrations
        .iter()
        .map(|integration| (integration.definition().id, environment_json(&integration.status(), now)))
        .collect();
    let details: Vec<Value> =
        integrations.iter().map(|integration| integration_json(integration, now)).collect();
    json!({
        "status": if is_ready(registry) { "healthy" } else { "degraded" },
        "version": env!("CARGO_PKG_VERSION"),
        "environments": environments,
        "integrations": details,
    })
}

/// Returns the report on an integration in the format of the Relay Proxy for an environment.
fn environment_json(status: &IntegrationStatus, now: i64) -> Value {
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

fn integration_json(integration: &Integration, now: i64) -> Value {
    let definition = integration.definition();
    let status = integration.status();
    let progress = status.progress;
    let counters = status.counters;
    let errors: Vec<Value> = integration.error_log().iter().map(failure_json).collect();
    json!({
        "id": definition.id,
        "name": definition.name,
        "project": definition.project,
        "environment": definition.environment,
        "on": definition.on,
        "store": definition.store.to_string(),
        "state": status.state.name(),
        "since": status.since,
        "error": status.error.as_ref().map(failure_json),
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

/// Returns the report on a failure; without a response of the upstream, its status code is 0.
fn failure_json(failure: &SyncFailure) -> Value {
    json!({
        "statusCode": failure.status_code.unwrap_or(0),
        "message": failure.message,
        "timestamp": failure.timestamp,
        "kind": failure.kind.name(),
        "since": failure.since,
        "times": failure.times,
    })
}
