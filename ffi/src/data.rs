//! Flags and segments
//!
//! What an engine evaluates. The data are exchanged as a whole, without holding up anybody who evaluates; an evaluation
//! that is under way ends with those it began with. Data that are refused change nothing.
//!
//! Errors of all: `BIGSEG_INVALID_ARGUMENT` when it is not JSON, or not flags and segments; the message says where and
//! what is wrong. `BIGSEG_CLOSED`, `BIGSEG_FORKED`.

use std::mem::MaybeUninit;

use crate::code::bigseg_code;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::guard;
use crate::text::bigseg_str;

/// Sets the flags and segments from the JSON of the service, `{"flags":{…},"segments":{…}}`, of which one may be missing.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_set_data(
    engine: Option<&bigseg_engine>,
    json: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || bigseg_engine::get(engine)?.set_data(json.utf8("json")?))
}

/// Does the same from a file, and remembers it for `bigseg_engine_reload_data`. Blocks while it reads the file.
///
/// Errors: also `BIGSEG_INVALID_ARGUMENT` when the file cannot be read.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_load_data(
    engine: Option<&bigseg_engine>,
    path: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || bigseg_engine::get(engine)?.load_data(path.utf8("path")?))
}

/// Reads the file of `bigseg_engine_load_data` again, if it has changed since; `changed` receives whether it had, and may
/// be NULL. Blocks while it reads the file; cheap enough to be called every second, as nothing watches the file by itself.
///
/// Errors: also `BIGSEG_INVALID_ARGUMENT` when the data do not come from a file. The data then stay as they were, and
/// the next call tries again.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_reload_data(
    engine: Option<&bigseg_engine>,
    changed: Option<&mut MaybeUninit<bool>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let has_changed = bigseg_engine::get(engine)?.reload_data()?;
        if let Some(changed) = changed {
            changed.write(has_changed);
        }
        Ok(())
    })
}

/// What kind of segment a list of contexts makes.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_segment_kind {
    /// An ordinary segment: its members travel in the flag payload.
    BIGSEG_SEGMENT_SMALL = 0,
    /// A big segment: its members live in a store.
    BIGSEG_SEGMENT_BIG = 1,
    /// Neither: too many entries for an ordinary segment, and a big one has exactly one context kind.
    BIGSEG_SEGMENT_IMPOSSIBLE = 2,
}

/// Returns what a list of that many entries, of that many context kinds, makes: more than 15,000 entries of exactly one
/// kind make a big segment.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_classify(entries: u64, context_kinds: u64) -> bigseg_segment_kind {
    use bigseg_core::segment::{SegmentKind, classify};
    match classify(entries, context_kinds) {
        SegmentKind::Small => bigseg_segment_kind::BIGSEG_SEGMENT_SMALL,
        SegmentKind::Big => bigseg_segment_kind::BIGSEG_SEGMENT_BIG,
        SegmentKind::Impossible => bigseg_segment_kind::BIGSEG_SEGMENT_IMPOSSIBLE,
    }
}
