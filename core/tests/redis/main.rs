//! The Redis store, on servers, sentinels and clusters that the tests start.

#[path = "../fixtures/fixture.rs"]
mod fixture;
#[path = "../fixtures/redis_fixture.rs"]
mod redis_fixture;

mod cluster_outage;
mod cluster_suite;
mod cluster_writers;
mod errors;
mod interference;
mod network;
mod outage;
mod push;
mod push_topologies;
mod schema;
mod sentinel;
mod server_states;
mod suite;
mod writers;
