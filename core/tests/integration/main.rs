//! Integrations: one alone, many in a registry, and their configuration file.

#[path = "../fixtures/upstream_fixture.rs"]
mod upstream_fixture;

mod config_file;
mod registry;
mod single;
