//! Integrations (docs/spec.md#integrations): managed sync workers, each with a name, a switch, a
//! state and an error log.
//!
//! A program that fills one store needs one [`Integration`]:
//! ```no_run
//! use bigseg::integration::{Integration, IntegrationConfig, IntegrationDefinition};
//! use bigseg::sync::{SdkKey, Upstream};
//! use bigseg::StoreConfig;
//!
//! # fn main() -> bigseg::Result<()> {
//! let upstream = Upstream::new(SdkKey::new("sdk-key")?);
//! let store = StoreConfig::parse("redis://localhost?prefix=production")?;
//! let definition = IntegrationDefinition::new("production", upstream, store);
//! let integration = Integration::start(IntegrationConfig::new(definition))?;
//! integration.add_status_listener(|status| println!("{}", status.state.name()));
//! integration.set_sdk_key(SdkKey::new("another-key")?)?;
//! integration.set_on(false)?;
//! println!("{:?} {:?}", integration.status(), integration.error_log());
//! integration.close().wait();
//! # Ok(())
//! # }
//! ```
//! Every binding offers at least these operations: start, status, error log, listener, new SDK key,
//! on and off, close.
//!
//! A [`Registry`] runs all integrations of one configuration file, and edits that file.

mod config;
mod config_file;
mod error_log;
mod instance;
mod lazy_writer;
mod registry;
mod state;
mod supervisor;

pub use config::{IntegrationConfig, IntegrationDefinition};
pub use config_file::{FileProblem, FileProblems, IntegrationEdit, IntegrationFile, StoreText, Variables};
pub use error_log::ERROR_LOG_LENGTH;
pub use instance::Integration;
pub use registry::{Registry, RegistryConfig, ReloadSummary};
pub use state::{IntegrationProgress, IntegrationState, IntegrationStatus};
