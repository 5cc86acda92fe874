//! Applies patches: in transactions where all keys lie in one slot, otherwise slot by slot.

mod cross_slot;
mod ops;
mod single_slot;

use std::sync::Arc;

use super::client::RedisClient;
use super::keys::Keys;
use crate::error::Result;
use crate::patch::{Patch, PatchOutcome};
use crate::store::Cursor;
use cross_slot::CrossSlot;
use single_slot::SingleSlot;

pub(super) use ops::READING_CURSOR;

/// How patches are applied: it depends on where the keys of the environment lie.
pub(super) enum ApplyStrategy {
    /// On one server, or in one slot of a cluster: a transaction covers the cursor and the
    /// operations.
    Single(SingleSlot),
    /// In many slots of a cluster: no transaction covers two of them.
    CrossSlot(CrossSlot),
}

impl ApplyStrategy {
    pub(super) fn new(client: &Arc<RedisClient>, keys: &Keys) -> Self {
        match client.cluster() {
            Some(cluster) if !keys.are_in_one_slot() => {
                Self::CrossSlot(CrossSlot::new(cluster.clone(), client.connector().clone(), keys.clone()))
            }
            _ => Self::Single(SingleSlot::new(client.clone(), keys.clone())),
        }
    }

    /// Applies a patch if the cursor allows it; the cursor moves last, or not at all.
    pub(super) async fn apply(&mut self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        match self {
            Self::Single(strategy) => strategy.apply(patch, cursor).await,
            Self::CrossSlot(strategy) => strategy.apply(patch, cursor).await,
        }
    }

    /// Deletes the cursor, in a way that makes concurrent patches of other writers fail.
    pub(super) async fn forget_cursor(&mut self) -> Result<()> {
        match self {
            Self::Single(strategy) => strategy.forget_cursor().await,
            Self::CrossSlot(strategy) => strategy.forget_cursor().await,
        }
    }
}
