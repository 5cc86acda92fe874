//! The file that defines integrations: reading it, and changing it without touching the rest of its text.

mod edit;
mod env_vars;
mod parse;
mod store_edit;
mod store_fields;

pub use edit::{IntegrationEdit, StoreText};
pub use env_vars::Variables;
pub use parse::{FileProblem, FileProblems, IntegrationFile};

pub(super) use edit::FileText;
pub(super) use env_vars::of_this_process;
pub(super) use parse::read_text;
pub(super) use store_edit::{respell, too_rich};
