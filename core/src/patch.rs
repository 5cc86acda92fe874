//! Patches: the changes of one segment, as the upstream sends them (docs/spec.md#patch).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;

/// One step in the history of one segment; it applies only if the cursor is at
/// [`Patch::previous_version`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    /// The environment of the segment.
    #[serde(default)]
    pub environment_id: String,
    /// The segment's ref, as text.
    pub segment_id: String,
    /// The cursor after this patch.
    #[serde(default)]
    pub version: String,
    /// The cursor this patch builds on; empty for an initial patch.
    #[serde(default)]
    pub previous_version: String,
    /// The changes.
    #[serde(default, deserialize_with = "null_is_default")]
    pub changes: Changes,
}

/// The changes of a patch, by list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Changes {
    /// Changes of the list of included contexts.
    #[serde(default, deserialize_with = "null_is_default")]
    pub included: ListChanges,
    /// Changes of the list of excluded contexts.
    #[serde(default, deserialize_with = "null_is_default")]
    pub excluded: ListChanges,
}

/// The changes of one list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ListChanges {
    /// Contexts that are added to the list.
    #[serde(default, deserialize_with = "null_is_default")]
    pub add: Vec<ContextHash>,
    /// Contexts that are removed from the list; removal wins if a context is in both.
    #[serde(default, deserialize_with = "null_is_default")]
    pub remove: Vec<ContextHash>,
}

/// The changes of one context: for each list, added (`Some(true)`), removed (`Some(false)`) or
/// unchanged (`None`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContextChange {
    /// The change of "is included".
    pub included: Option<bool>,
    /// The change of "is excluded".
    pub excluded: Option<bool>,
}

/// The outcome of applying a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchOutcome {
    /// It was applied and the cursor moved to its version.
    Applied,
    /// The cursor is at its version already: nothing to do.
    AlreadyApplied,
    /// The cursor is somewhere else: poll again from the cursor.
    OutOfOrder,
    /// There is no cursor although the patch needs one: the store has lost its data and must be
    /// loaded again.
    DataLost,
}

impl PatchOutcome {
    /// Returns whether the store refuses the patch, and any patch that builds on it.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::OutOfOrder | Self::DataLost)
    }
}

impl ListChanges {
    fn len(&self) -> usize {
        self.add.len() + self.remove.len()
    }
}

impl Changes {
    /// Returns the number of operations: contexts added to a list or removed from it.
    pub fn operations(&self) -> usize {
        self.included.len() + self.excluded.len()
    }
}

impl Patch {
    /// Reads a patch from JSON.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] with the position of the first fault.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let patch: Self = serde_json::from_slice(json).map_err(|e| {
            Error::new(ErrorKind::InvalidInput, format!("malformed patch: {e}; see docs/spec.md#patch"))
        })?;
        patch.segment_ref()?;
        Ok(patch)
    }

    /// Returns the segment's ref.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSegmentRef`] when `segment_id` is not a segment ref.
    pub fn segment_ref(&self) -> Result<SegmentRef> {
        SegmentRef::parse(&self.segment_id)
    }

    /// Merges the four lists into one change per context, in the order of the hashes.
    pub fn context_changes(&self) -> BTreeMap<ContextHash, ContextChange> {
        let mut changes: BTreeMap<ContextHash, ContextChange> = BTreeMap::new();
        // Removals are entered last, because they win over additions in the same list.
        for (hashes, added) in [(&self.changes.included.add, true), (&self.changes.included.remove, false)] {
            for hash in hashes {
                changes.entry(*hash).or_default().included = Some(added);
            }
        }
        for (hashes, added) in [(&self.changes.excluded.add, true), (&self.changes.excluded.remove, false)] {
            for hash in hashes {
                changes.entry(*hash).or_default().excluded = Some(added);
            }
        }
        changes
    }

    /// Decides by the cursor alone whether this patch applies; `Applied` means "apply it".
    pub fn outcome_on(&self, cursor: Option<&str>) -> PatchOutcome {
        match cursor {
            None if self.previous_version.is_empty() => PatchOutcome::Applied,
            None => PatchOutcome::DataLost,
            // Several initial patches may carry an empty version, so an empty cursor does not
            // identify one of them.
            Some(cursor) if cursor == self.version && !cursor.is_empty() => PatchOutcome::AlreadyApplied,
            Some(cursor) if cursor == self.previous_version => PatchOutcome::Applied,
            Some(_) => PatchOutcome::OutOfOrder,
        }
    }
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
