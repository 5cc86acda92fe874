//! The result of every fallible function here.

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
