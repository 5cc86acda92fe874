//! Declares the store synchronised: only while its cursor is the one it should have (docs/spec.md#sync-marker).

use crate::error::Result;
use crate::store::StoreWriter;

/// What the store's cursor says about the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// It is ours.
    Ours,
    /// It is another one: another writer got ahead, or somebody restored an older state.
    Moved,
    /// There is none any more: the store has lost its data.
    Lost,
}

impl Beat {
    /// Compares the store's cursor with the one it should have.
    pub(super) fn of(found: Option<&str>, expected: Option<&str>) -> Self {
        match (found, expected) {
            (found, expected) if found == expected => Self::Ours,
            (None, _) => Self::Lost,
            (Some(_), _) => Self::Moved,
        }
    }
}

/// Writes the sync time if the store's cursor is the expected one, before and after; blocks.
///
/// The store may be wiped at any moment. Wiped before the first look, it is noticed; after the writing, the sync time goes
/// with the rest; in between, the second look notices, and takes the sync time back.
pub(super) fn beat(writer: &dyn StoreWriter, expected: Option<&str>, unix_millis: i64) -> Result<Beat> {
    let before = Beat::of(writer.cursor()?.as_deref(), expected);
    if before != Beat::Ours {
        return Ok(before);
    }
    writer.set_synchronized_on(unix_millis)?;
    let after = Beat::of(writer.cursor()?.as_deref(), expected);
    if after == Beat::Lost {
        disown(writer)?;
    }
    Ok(after)
}

/// Takes the sync time back, so that no reader takes the store for healthy; blocks.
pub(super) fn disown(writer: &dyn StoreWriter) -> Result<()> {
    // docs/spec.md#sync-time: zero means "never synchronised".
    writer.set_synchronized_on(0)
}
