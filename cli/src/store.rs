//! The `--store` option.

use bigseg::StoreConfig;

use crate::failure::Failure;

/// The store to use.
#[derive(clap::Args)]
pub(crate) struct StoreArgument {
    /// The store, such as local:./population.bigseg, redis://localhost or dynamodb://my-table
    #[arg(long, env = "BIGSEG_STORE", hide_env_values = true, value_name = "STORE")]
    store: String,
}

impl StoreArgument {
    /// Parses the store string.
    pub(crate) fn config(&self) -> Result<StoreConfig, Failure> {
        parse_persistent(&self.store)
    }
}

/// Parses the string of a persistent store, one that other commands can open too.
pub(crate) fn parse_persistent(store: &str) -> Result<StoreConfig, Failure> {
    match StoreConfig::parse(store)? {
        StoreConfig::Memory(_) => Err(Failure::usage(
            "a memory store exists only inside the process that opened it; \
             name a persistent one, such as local:./population.bigseg",
        )),
        config => Ok(config),
    }
}
