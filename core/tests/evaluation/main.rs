//! Evaluation of segments and flags: the vectors, and hostile data.

#[path = "../fixtures/fixture.rs"]
mod fixture;
#[path = "../fixtures/vector_files.rs"]
mod vector_files;

mod hostile;
mod vectors;
