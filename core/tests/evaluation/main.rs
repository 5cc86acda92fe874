//! Evaluation of segments and flags: the vectors, and data that nobody should have written.

#[path = "../fixtures/fixture.rs"]
mod fixture;
#[path = "../fixtures/vector_files.rs"]
mod vector_files;

mod hostile;
mod vectors;
