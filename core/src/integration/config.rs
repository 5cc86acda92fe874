//! The definition of an integration, and its configuration in this process.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::store::StoreConfig;
use crate::sync::{SyncObserver, Upstream};

/// The definition of an integration (docs/spec.md#integrations). No output shows its secrets,
/// `Debug` included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationDefinition {
    /// The name for programs: 1 to 64 letters, digits, `-`, `_` or `.`, not beginning with a dot.
    /// Never changes.
    pub id: String,
    /// The name for people; not empty.
    pub name: String,
    /// The project at the upstream, for information. Never changes.
    pub project: String,
    /// The environment at the upstream, for information; the SDK key selects it. Never changes.
    pub environment: String,
    /// Whether the integration is on.
    pub on: bool,
    /// The source of patches, and the SDK key.
    pub upstream: Upstream,
    /// The store that patches are applied to, prefix included.
    pub store: StoreConfig,
}

impl IntegrationDefinition {
    /// The longest id, in characters.
    const MAX_ID_LENGTH: usize = 64;
    /// The longest name, project or environment, in characters.
    const MAX_LABEL_LENGTH: usize = 200;

    /// Defines an integration that is on and has its id as its name; project and environment are
    /// empty.
    pub fn new(id: impl Into<String>, upstream: Upstream, store: StoreConfig) -> Self {
        let id = id.into();
        Self {
            name: id.clone(),
            id,
            project: String::new(),
            environment: String::new(),
            on: true,
            upstream,
            store,
        }
    }

    /// Checks everything that needs no connection.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`]; the message names the field.
    pub fn validate(&self) -> Result<()> {
        check_id(&self.id)?;
        check_name(&self.name)?;
        check_label("project", &self.project)?;
        check_label("environment", &self.environment)?;
        check_store(&self.store)?;
        self.upstream.validate()
    }

    /// Returns whether a worker for this definition can run the other one, apart from the SDK key,
    /// which can be replaced while it runs.
    pub(super) fn can_share_worker(&self, other: &Self) -> bool {
        let with_other_key = Upstream { sdk_key: other.upstream.sdk_key.clone(), ..self.upstream.clone() };
        with_other_key == other.upstream && self.store == other.store
    }

    /// Returns whether both define the same integration: the fields that never change are equal.
    pub(super) fn is_same_integration(&self, other: &Self) -> bool {
        (&self.id, &self.project, &self.environment) == (&other.id, &other.project, &other.environment)
    }
}

/// Configuration of an [`Integration`](super::Integration).
#[derive(Clone)]
pub struct IntegrationConfig {
    /// The integration to run.
    pub definition: IntegrationDefinition,
    /// An existing directory for the error log, in a file `ID.errors.json`, so that it outlives the
    /// process. Default: none.
    pub state_directory: Option<PathBuf>,
    /// Receivers of changes in this process, such as an engine's
    /// [`sync_observer`](crate::Engine::sync_observer). Default: none.
    pub observers: Vec<Arc<dyn SyncObserver>>,
    /// Source of the time. Default: the machine's clocks.
    pub clock: Clock,
}

impl IntegrationConfig {
    /// Uses a definition; every other option has its default.
    pub fn new(definition: IntegrationDefinition) -> Self {
        Self { definition, state_directory: None, observers: Vec::new(), clock: Clock::System }
    }
}

impl fmt::Debug for IntegrationConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntegrationConfig").field("definition", &self.definition).finish_non_exhaustive()
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidConfig, message))
}

/// Validates an id, which becomes part of a file name.
pub(super) fn check_id(id: &str) -> Result<()> {
    let has_good_length = (1..=IntegrationDefinition::MAX_ID_LENGTH).contains(&id.len());
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if has_good_length && id.bytes().all(is_plain) && !id.starts_with('.') {
        return Ok(());
    }
    invalid(
        "id must be 1 to 64 letters, digits, \"-\", \"_\" or \".\", not beginning with a dot, such as production-eu",
    )
}

/// Validates a name.
pub(super) fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return invalid("name is empty; give one that people recognise, such as Production, Europe");
    }
    check_label("name", name)
}

/// Validates a name, a project or an environment.
pub(super) fn check_label(field: &str, text: &str) -> Result<()> {
    let is_too_long = text.chars().count() > IntegrationDefinition::MAX_LABEL_LENGTH;
    if is_too_long || text.chars().any(char::is_control) {
        return invalid(format!("{field} must be one line of at most 200 characters"));
    }
    Ok(())
}

/// Rejects a memory store without a name, which no reader could open.
pub(super) fn check_store(store: &StoreConfig) -> Result<()> {
    match store {
        StoreConfig::Memory(name) if name.is_empty() => {
            invalid("store: a memory store needs a name, so that it can be read; such as memory:mirror")
        }
        _ => Ok(()),
    }
}
