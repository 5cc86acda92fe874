//! The operations of a patch, key by key.

use redis::Pipeline;

use crate::error::{Error, ErrorKind};
use crate::patch::Patch;
use crate::segment_ref::SegmentRef;
use crate::store::redis::config::RedisConfig;
use crate::store::redis::hash_slot::slot_of;
use crate::store::redis::keys::Keys;

pub(crate) const APPLYING: &str = "applying a patch";
pub(crate) const READING_CURSOR: &str = "reading the cursor";
pub(crate) const FORGETTING_CURSOR: &str = "deleting the cursor";

/// Returns the error of a patch that was tried `attempts` times while other writers moved the cursor.
pub(crate) fn outrun(config: &RedisConfig, attempts: u32) -> Error {
    let message = format!("other writers came first {attempts} times in a row; the cursor stays unchanged");
    config.error(ErrorKind::StoreUnavailable, APPLYING, &message)
}

/// Adds a segment to one set of one context, or removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) key: String,
    command: &'static str,
}

impl Operation {
    /// Returns the operations of a patch, at most one for each key.
    pub(crate) fn from_patch(keys: &Keys, patch: &Patch) -> Vec<Self> {
        let mut operations = Vec::new();
        for (hash, change) in patch.context_changes() {
            for (key, adds) in [(keys.include(hash), change.included), (keys.exclude(hash), change.excluded)]
            {
                if let Some(adds) = adds {
                    operations.push(Self { key, command: if adds { "SADD" } else { "SREM" } });
                }
            }
        }
        operations
    }

    pub(crate) fn slot(&self) -> u16 {
        slot_of(self.key.as_bytes())
    }

    /// Appends the command of this operation.
    pub(crate) fn add_to(&self, commands: &mut Pipeline, segment: &SegmentRef) {
        commands.cmd(self.command).arg(&self.key).arg(segment.as_str());
    }
}

/// Ends a watch that an earlier call left behind, with an empty transaction: a writer has no
/// permission for `UNWATCH`.
pub(crate) fn add_unwatch(commands: &mut Pipeline) {
    commands.cmd("MULTI").cmd("EXEC");
}
