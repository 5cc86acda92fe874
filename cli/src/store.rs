//! `--store`: which store a command is about.

use bigseg_core::StoreConfig;

use crate::failure::Failure;

/// Names the store.
#[derive(clap::Args)]
pub(crate) struct StoreArgument {
    /// The store, such as local:./population.bigseg, redis://localhost or dynamodb://my-table
    #[arg(long, env = "BIGSEG_STORE", hide_env_values = true, value_name = "STORE")]
    store: String,
}

impl StoreArgument {
    /// Reads the store string.
    pub(crate) fn config(&self) -> Result<StoreConfig, Failure> {
        lasting(&self.store)
    }
}

/// Reads the string of a store that other commands can find again.
pub(crate) fn lasting(store: &str) -> Result<StoreConfig, Failure> {
    match StoreConfig::parse(store)? {
        StoreConfig::Memory(_) => Err(Failure::usage(
            "a memory store ends with the process that holds it, so there is nothing for this command to find; \
             name one that lasts, such as local:./population.bigseg",
        )),
        config => Ok(config),
    }
}
