//! What an integration is, and how it is run in this process.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::store::StoreConfig;
use crate::sync::{SyncObserver, Upstream};

/// What an integration is (docs/spec.md#integrations). Neither `Debug` nor anything else shows its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationDefinition {
    /// What it is called by programs: 1 to 64 letters, digits, `-`, `_` or `.`, not beginning with a dot. Never changes.
    pub id: String,
    /// What it is called by people; not empty.
    pub name: String,
    /// The project at the upstream, for people. Never changes.
    pub project: String,
    /// The environment at the upstream, for people; the SDK key is what chooses it. Never changes.
    pub environment: String,
    /// Whether it is on.
    pub on: bool,
    /// Where patches come from, and the SDK key.
    pub upstream: Upstream,
    /// Where they go, prefix included.
    pub store: StoreConfig,
}

impl IntegrationDefinition {
    /// The longest that an id, a name, a project and an environment may be, in characters: 64, and 200 for the others.
    const LENGTHS: (usize, usize) = (64, 200);

    /// Defines one that is on and is named as its id says; the project and the environment have no names.
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

    /// Checks all that can be checked without asking anybody.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`], naming the field.
    pub fn validate(&self) -> Result<()> {
        check_id(&self.id)?;
        check_name(&self.name)?;
        check_label("project", &self.project)?;
        check_label("environment", &self.environment)?;
        check_store(&self.store)?;
        self.upstream.validate()
    }

    /// Returns whether a worker for one of the two does as well for the other, given the SDK key.
    pub(super) fn has_same_work(&self, other: &Self) -> bool {
        let rekeyed = Upstream { sdk_key: other.upstream.sdk_key.clone(), ..self.upstream.clone() };
        rekeyed == other.upstream && self.store == other.store
    }

    /// Returns whether both are the same integration: what never changes has not changed.
    pub(super) fn is_same_integration(&self, other: &Self) -> bool {
        (&self.id, &self.project, &self.environment) == (&other.id, &other.project, &other.environment)
    }
}

/// An integration, and how it is run in this process.
#[derive(Clone)]
pub struct IntegrationConfig {
    /// What it is.
    pub definition: IntegrationDefinition,
    /// A directory that exists, in which its error log outlives the process, in a file `ID.errors.json`. Default: none.
    pub state_directory: Option<PathBuf>,
    /// Who hears in this process of what is written, such as an engine's
    /// [`sync_observer`](crate::Engine::sync_observer). Default: nobody.
    pub observers: Vec<Arc<dyn SyncObserver>>,
    /// What time it is. Default: the machine's clocks.
    pub clock: Clock,
}

impl IntegrationConfig {
    /// Takes a definition; all else has its default.
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

/// Checks an id, which becomes a part of a file's name.
pub(super) fn check_id(id: &str) -> Result<()> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match (1..=IntegrationDefinition::LENGTHS.0).contains(&id.len())
        && id.bytes().all(is_plain)
        && !id.starts_with('.')
    {
        true => Ok(()),
        false => invalid(
            "id must be 1 to 64 letters, digits, \"-\", \"_\" or \".\", not beginning with a dot, such as production-eu",
        ),
    }
}

/// Checks the name.
pub(super) fn check_name(name: &str) -> Result<()> {
    match name.trim().is_empty() {
        true => invalid("name is empty; give one that people recognise, such as Production, Europe"),
        false => check_label("name", name),
    }
}

/// Checks a text for people.
pub(super) fn check_label(field: &str, text: &str) -> Result<()> {
    if text.chars().count() > IntegrationDefinition::LENGTHS.1 || text.chars().any(char::is_control) {
        return invalid(format!("{field} must be one line of at most 200 characters"));
    }
    Ok(())
}

/// Refuses a store that nobody could read.
pub(super) fn check_store(store: &StoreConfig) -> Result<()> {
    match store {
        StoreConfig::Memory(name) if name.is_empty() => {
            invalid("store: a memory store needs a name, or nobody can read it; such as memory:mirror")
        }
        _ => Ok(()),
    }
}
