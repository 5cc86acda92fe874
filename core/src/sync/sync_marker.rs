//! Writes the sync marker (docs/spec.md#sync-marker): the time at which the store was last known to
//! match its upstream.

use crate::error::Result;
use crate::store::StoreWriter;

/// The store's cursor, compared with the one that this worker expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CursorCheck {
    /// The store has the expected cursor.
    Match,
    /// The store has another cursor: another writer moved it, or an older state was restored.
    Moved,
    /// The store has no cursor any more: it has lost its data.
    Missing,
}

impl CursorCheck {
    /// Compares two cursors.
    pub(super) fn compare(found: Option<&str>, expected: Option<&str>) -> Self {
        if found == expected {
            Self::Match
        } else if found.is_none() {
            Self::Missing
        } else {
            Self::Moved
        }
    }
}

/// Writes the sync time if the store has the expected cursor; blocks.
///
/// The store may be wiped at any moment:
/// 1. before the first check: the check finds no cursor, and nothing is written;
/// 2. between the first check and the write, or the write and the second check: the second check
///    finds no cursor, and the sync time is cleared;
/// 3. after the second check: the sync time is wiped with the rest.
pub(super) fn mark_synced(
    writer: &dyn StoreWriter,
    expected: Option<&str>,
    unix_millis: i64,
) -> Result<CursorCheck> {
    let before = CursorCheck::compare(writer.cursor()?.as_deref(), expected);
    if before != CursorCheck::Match {
        return Ok(before);
    }
    writer.set_synchronized_on(unix_millis)?;
    let after = CursorCheck::compare(writer.cursor()?.as_deref(), expected);
    if after == CursorCheck::Missing {
        clear_synced(writer)?;
    }
    Ok(after)
}

/// Sets the sync time to "never", so that readers report the store as stale; blocks.
pub(super) fn clear_synced(writer: &dyn StoreWriter) -> Result<()> {
    // Zero means "never synchronised" (docs/spec.md#sync-time).
    writer.set_synchronized_on(0)
}
