//! What a patch does, key by key.

use redis::Pipeline;

use crate::patch::Patch;
use crate::segment_ref::SegmentRef;
use crate::store::redis::hash_slot::slot_of;
use crate::store::redis::keys::Keys;

pub(crate) const APPLYING: &str = "applying a patch";
pub(crate) const READING_CURSOR: &str = "reading the cursor";

/// One context joins or leaves one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) key: String,
    joins: bool,
}

impl Operation {
    /// Returns what a patch does, at most one thing to each key.
    pub(crate) fn all(keys: &Keys, patch: &Patch) -> Vec<Self> {
        let mut operations = Vec::new();
        for (hash, change) in patch.context_changes() {
            let keys = [(keys.include(hash), change.included), (keys.exclude(hash), change.excluded)];
            operations.extend(keys.into_iter().filter_map(|(key, joins)| Some(Self { key, joins: joins? })));
        }
        operations
    }

    pub(crate) fn slot(&self) -> u16 {
        slot_of(self.key.as_bytes())
    }

    /// Adds its command.
    pub(crate) fn add_to(&self, commands: &mut Pipeline, segment: &SegmentRef) {
        commands.cmd(if self.joins { "SADD" } else { "SREM" }).arg(&self.key).arg(segment.as_str());
    }
}
