//! Parts of the engine that a build can leave out, by cargo features.
//!
//! The exported functions call the engine through these modules, and none of them depends on a
//! feature: so every build exports every symbol. For each feature there are two modules with the
//! same items. In the one for builds without the feature, every call fails with `UNSUPPORTED`, and
//! handles cannot be created.

#[cfg(feature = "integration")]
pub(crate) mod integration;
#[cfg(not(feature = "integration"))]
#[path = "no_integration.rs"]
pub(crate) mod integration;

#[cfg(feature = "segment")]
pub(crate) mod segment;
#[cfg(not(feature = "segment"))]
#[path = "no_segment.rs"]
pub(crate) mod segment;

#[cfg(not(all(feature = "integration", feature = "segment")))]
mod left_out;
