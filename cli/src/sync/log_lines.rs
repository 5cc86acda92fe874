//! One line on standard error for each change of state, for whoever collects logs.

use std::collections::HashMap;
use std::sync::Arc;

use bigseg_core::integration::{Integration, IntegrationState, IntegrationStatus};

use crate::output::printable;

/// What was said of each integration last.
#[derive(Default)]
pub(super) struct Lines(HashMap<String, (IntegrationState, Option<String>)>);

impl Lines {
    /// Says what has changed.
    pub(super) fn print(&mut self, integrations: &[Arc<Integration>]) {
        for integration in integrations {
            let (id, status) = (integration.definition().id, integration.status());
            let error = status.error.as_ref().map(|error| error.message.clone());
            let news = (status.state, error);
            if self.0.get(&id) == Some(&news) {
                continue;
            }
            anstream::eprintln!("bigseg: {id}: {}", words(&status));
            self.0.insert(id, news);
        }
        self.0.retain(|id, _| integrations.iter().any(|integration| integration.definition().id == *id));
    }
}

/// Says in a few words how an integration is doing.
pub(super) fn words(status: &IntegrationStatus) -> String {
    let progress = status.progress;
    match (&status.error, status.state) {
        (Some(error), _) => format!("failing: {} ({})", printable(&error.message), error.kind),
        (None, IntegrationState::Initializing) if progress.operations > 0 => format!(
            "initializing: {} patches, {} operations, {}/s",
            crate::output::count(progress.patches),
            crate::output::count(progress.operations),
            crate::output::count(progress.operations_per_second)
        ),
        (None, state) => state.name().to_owned(),
    }
}
