//! What a patch does, key by key.

use redis::{Pipeline, Value};

use super::config::RedisConfig;
use super::keys::Keys;
use super::slots::slot_of;
use crate::error::{ErrorKind, Result};
use crate::patch::Patch;
use crate::segment_ref::SegmentRef;

pub(super) const APPLYING: &str = "applying a patch";
pub(super) const READING_CURSOR: &str = "reading the cursor";

/// One context joins or leaves one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) key: String,
    joins: bool,
}

impl Operation {
    /// Returns what a patch does, at most one thing to each key.
    pub(super) fn all(keys: &Keys, patch: &Patch) -> Vec<Self> {
        let mut operations = Vec::new();
        for (hash, change) in patch.context_changes() {
            let keys = [(keys.include(hash), change.included), (keys.exclude(hash), change.excluded)];
            operations.extend(keys.into_iter().filter_map(|(key, joins)| Some(Self { key, joins: joins? })));
        }
        operations
    }

    pub(super) fn slot(&self) -> u16 {
        slot_of(self.key.as_bytes())
    }

    /// Adds its command.
    pub(super) fn add_to(&self, commands: &mut Pipeline, segment: &SegmentRef) {
        commands.cmd(if self.joins { "SADD" } else { "SREM" }).arg(&self.key).arg(segment.as_str());
    }
}

/// Reads the replies to `MULTI`, commands and `EXEC`; returns whether they were carried out, which they were not if a
/// watched key was written.
///
/// # Errors
/// Also when they were carried out but for some, for Redis takes nothing back.
pub(super) fn executed(config: &RedisConfig, replies: &[Value]) -> Result<bool> {
    let error = |reply: &&Value| matches!(reply, Value::ServerError(_));
    let refused = |reply: &Value| match reply {
        Value::ServerError(e) => Err(config.refusal(APPLYING, e)),
        _ => Ok(true),
    };
    // A command that could not even be queued says why; EXEC then only says that there was one.
    if let Some(refusal) = replies.iter().find(error) {
        return refused(refusal);
    }
    match replies.last() {
        Some(Value::Nil) => Ok(false),
        Some(Value::Array(results)) => results.iter().find(error).map_or(Ok(true), refused),
        _ => Err(config.error(ErrorKind::StoreData, APPLYING, "EXEC was answered with something odd")),
    }
}
