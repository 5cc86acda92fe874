//! The configuration file that defines integrations: parses it, and edits it without touching the
//! rest of its text.

mod edit;
mod env_vars;
mod field_reader;
mod parse;
mod problems;
mod store_edit;
mod store_fields;

pub use edit::{IntegrationEdit, StoreText};
pub use env_vars::Variables;
pub use parse::IntegrationFile;
pub use problems::{FileProblem, FileProblems};

pub(super) use edit::{EditedFile, edit_file};
pub(super) use env_vars::process_variables;
pub(super) use parse::read_text;
