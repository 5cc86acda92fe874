use std::sync::Arc;

#[cfg(feature = "segment")]
use super::data::Data;
use super::lookup::Lookups;

/// Answers requests: memberships from `lookups`, evaluations from both.
#[derive(Clone)]
pub struct Evaluator {
    pub(super) lookups: Arc<Lookups>,
    #[cfg(feature = "segment")]
    pub(super) data: Arc<Data>,
}
