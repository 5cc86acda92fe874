//! What all stores have in common: the suite, imports, and the vectors of patches, hashes and store strings.

#[path = "../fixtures/vector_files.rs"]
mod vector_files;

mod capability_gate;
mod import;
mod suite;
mod vectors;
