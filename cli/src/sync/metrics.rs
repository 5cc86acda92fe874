//! The metrics of all integrations in the text format of Prometheus.

use std::fmt::Write;

use bigseg::integration::{IntegrationState, IntegrationStatus, Registry};

type ReadMetric = fn(&IntegrationStatus) -> f64;

/// Name, type, help text, and the function that reads the value.
const METRICS: &[(&str, &str, &str, ReadMetric)] = &[
    ("healthy", "gauge", "Whether the store matches its source.", |status| {
        f64::from(u8::from(status.state == IntegrationState::Healthy))
    }),
    ("off", "gauge", "Whether the integration is turned off.", |status| {
        f64::from(u8::from(status.state == IntegrationState::Off))
    }),
    (
        "last_synchronized_timestamp_seconds",
        "gauge",
        "When the store was last synchronised; 0 = never.",
        |status| status.last_synchronized.unwrap_or(0) as f64 / 1000.0,
    ),
    ("last_error_timestamp_seconds", "gauge", "When something last failed; 0 = never.", |status| {
        status.last_error.unwrap_or(0) as f64 / 1000.0
    }),
    ("patches_total", "counter", "Patches applied.", |status| status.counters.patches as f64),
    ("operations_total", "counter", "Operations applied.", |status| status.counters.operations as f64),
    ("repeated_patches_total", "counter", "Patches that the store had already.", |status| {
        status.counters.repeated as f64
    }),
    ("pages_total", "counter", "Pages fetched.", |status| status.counters.pages as f64),
    ("streams_total", "counter", "Streams opened.", |status| status.counters.streams as f64),
    ("out_of_order_total", "counter", "Patches that did not follow the store's cursor.", |status| {
        status.counters.out_of_order as f64
    }),
    ("data_losses_total", "counter", "Times that the store had lost its cursor.", |status| {
        status.counters.data_losses as f64
    }),
];

/// Formats all metrics, labelled by id, project and environment.
pub(super) fn metrics(registry: &Registry) -> String {
    let integrations: Vec<(String, IntegrationStatus)> = registry
        .integrations()
        .iter()
        .map(|integration| {
            let definition = integration.definition();
            let labels = format!(
                "id=\"{}\",project=\"{}\",environment=\"{}\"",
                escape_label(&definition.id),
                escape_label(&definition.project),
                escape_label(&definition.environment)
            );
            (labels, integration.status())
        })
        .collect();
    let mut text = String::new();
    for (name, kind, help, read) in METRICS {
        let name = format!("bigseg_integration_{name}");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, status) in &integrations {
            let _ = writeln!(text, "{name}{{{labels}}} {}", read(status));
        }
    }
    text
}

fn escape_label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
