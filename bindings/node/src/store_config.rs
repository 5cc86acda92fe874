//! The configuration of a store, as a value that only native code can read.

use std::collections::BTreeMap;

use bigseg::StoreConfig;
use bigseg::store::{OptionValue, StoreOption};
use napi::bindgen_prelude::{Either3, External};
use napi_derive::napi;

use crate::error::{OrThrow, Result};

/// The value of a store option; a duration is a number of milliseconds.
pub type NativeOptionValue = Either3<bool, f64, String>;

/// Makes a configuration from a store string, and options with the names of the core.
#[napi]
pub fn store_config(
    store: String,
    options: BTreeMap<String, NativeOptionValue>,
) -> Result<External<StoreConfig>> {
    let options = options.into_iter().map(|(name, value)| (name, to_option_value(value)));
    Ok(External::new(StoreConfig::from_parts(store.as_str(), options).or_throw()?))
}

fn to_option_value(value: NativeOptionValue) -> OptionValue {
    match value {
        Either3::A(flag) => OptionValue::Flag(flag),
        Either3::B(number) => OptionValue::Number(number),
        Either3::C(text) => OptionValue::Text(text),
    }
}

/// Formats a store string without secrets and without options that have their default.
#[napi]
pub fn display_store(store: &External<StoreConfig>) -> String {
    store.to_string()
}

/// Returns whether two configurations are equal, including their secrets.
#[napi]
pub fn is_same_store(one: &External<StoreConfig>, other: &External<StoreConfig>) -> bool {
    StoreConfig::eq(one, other)
}

/// Returns the names of all store options.
#[napi]
pub fn store_option_names() -> Vec<String> {
    StoreOption::ALL.iter().map(|option| option.name.to_owned()).collect()
}
