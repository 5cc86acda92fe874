//! Integrations: one alone, many in a registry, and their configuration file.

#[path = "../fixtures/upstream_fixture.rs"]
mod upstream_fixture;
#[path = "../fixtures/vector_files.rs"]
mod vector_files;

mod config_file;
mod registry;
mod single;
