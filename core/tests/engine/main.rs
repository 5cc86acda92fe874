//! The engine on stores under the control of the test: lookups, statuses, outages, invalidation, and the caches beneath.

#[path = "../fixtures/fixture.rs"]
mod fixture;
#[path = "../fixtures/vector_files.rs"]
mod vector_files;

mod api;
mod cache_model;
mod coalesce_model;
#[cfg(feature = "segment")]
mod evaluation;
mod fork_gate;
mod herd;
mod invalidation;
mod l1;
mod lookups;
mod outage;
mod status;
mod vectors;
