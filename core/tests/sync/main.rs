//! The sync worker, on a fake upstream.

#[path = "../fixtures/upstream_fixture.rs"]
mod upstream_fixture;

mod connection;
#[cfg(all(feature = "integration", feature = "redis"))]
mod known_faults;
mod model;
mod run_loop;
mod stores;
mod upstream;
