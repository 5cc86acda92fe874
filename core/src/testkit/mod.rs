//! What tests of this crate, of the bindings and of further stores have in common. It ships with no product.

pub mod fault_store;

pub use fault_store::{Fault, FaultStore};
