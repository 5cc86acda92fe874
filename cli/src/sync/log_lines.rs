//! One line on standard error for each change of state, for a log collector.

use std::collections::HashMap;
use std::sync::Arc;

use bigseg::integration::{Integration, IntegrationState, IntegrationStatus};

use crate::output::{count, printable};

/// The state and the error message of each integration, by its id, as they were last printed.
#[derive(Default)]
pub(super) struct LogLines(HashMap<String, (IntegrationState, Option<String>)>);

impl LogLines {
    /// Prints a line for each integration whose state or error has changed.
    pub(super) fn print_changes(&mut self, integrations: &[Arc<Integration>]) {
        for integration in integrations {
            let id = integration.definition().id;
            let status = integration.status();
            let error = status.error.as_ref().map(|error| error.message.clone());
            let current = (status.state, error);
            if self.0.get(&id) == Some(&current) {
                continue;
            }
            anstream::eprintln!("bigseg: {id}: {}", summary(&status));
            self.0.insert(id, current);
        }
        self.0.retain(|id, _| integrations.iter().any(|integration| integration.definition().id == *id));
    }
}

/// Summarises the status of an integration in a few words.
pub(super) fn summary(status: &IntegrationStatus) -> String {
    let progress = status.progress;
    match (&status.error, status.state) {
        (Some(error), _) => format!("failing: {} ({})", printable(&error.message), error.kind),
        (None, IntegrationState::Initializing) if progress.operations > 0 => format!(
            "initializing: {} patches, {} operations, {}/s",
            count(progress.patches),
            count(progress.operations),
            count(progress.operations_per_second)
        ),
        (None, state) => state.name().to_owned(),
    }
}
