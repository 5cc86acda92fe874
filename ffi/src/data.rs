//! Flags and segments
//!
//! An engine evaluates flags and segments. They are replaced as a whole, without delaying any
//! evaluation. An evaluation that has started uses the old data to its end. Invalid data change
//! nothing.

use std::mem::MaybeUninit;

use crate::code::bigseg_code;
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::guard;
use crate::optional::segment;
use crate::text::bigseg_str;

/// Sets the flags and segments from the JSON of the service, `{"flags":{…},"segments":{…}}`, of
/// which one may be missing.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the text is not JSON, or not flags and segments; the
/// message says where and what is wrong. `BIGSEG_CLOSED`, `BIGSEG_FORKED`; `BIGSEG_UNSUPPORTED` in
/// a library that was built without evaluation.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_set_data(
    engine: Option<&bigseg_engine>,
    json: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || segment::set_data(bigseg_engine::get(engine)?, json.utf8("json")?))
}

/// Sets the flags and segments from a JSON file, as `bigseg_engine_set_data` does from text.
/// `bigseg_engine_reload_data` can read the file again. Blocks while it reads the file.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the file cannot be read, is not JSON, or does not hold
/// flags and segments. `BIGSEG_CLOSED`, `BIGSEG_FORKED`; `BIGSEG_UNSUPPORTED` in a library that was
/// built without evaluation.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_load_data(
    engine: Option<&bigseg_engine>,
    path: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || segment::load_data(bigseg_engine::get(engine)?, path.utf8("path")?))
}

/// Reads the file of `bigseg_engine_load_data` again if it has changed. `changed` receives whether
/// it has, and may be NULL. The library does not watch the file; this call is cheap enough for
/// every second. Blocks while it reads the file.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the data did not come from a file, or the file is
/// invalid; the data do not change, and the next call tries again. `BIGSEG_CLOSED`,
/// `BIGSEG_FORKED`; `BIGSEG_UNSUPPORTED` in a library that was built without evaluation.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_reload_data(
    engine: Option<&bigseg_engine>,
    changed: Option<&mut MaybeUninit<bool>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let has_changed = segment::reload_data(bigseg_engine::get(engine)?)?;
        if let Some(changed) = changed {
            changed.write(has_changed);
        }
        Ok(())
    })
}

/// The kind of segment that a list of contexts becomes.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_segment_kind {
    /// An ordinary segment: its members are part of the flag payload.
    BIGSEG_SEGMENT_SMALL = 0,
    /// A big segment: its members are in a store.
    BIGSEG_SEGMENT_BIG = 1,
    /// Neither: an ordinary segment cannot have so many entries, and a big segment has exactly one
    /// context kind.
    BIGSEG_SEGMENT_IMPOSSIBLE = 2,
}

/// Returns the kind of segment for a list of `entries` entries of `context_kinds` context kinds:
/// more than 15,000 entries of exactly one kind become a big segment.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_classify(entries: u64, context_kinds: u64) -> bigseg_segment_kind {
    use bigseg::segment::{SegmentKind, classify};
    match classify(entries, context_kinds) {
        SegmentKind::Small => bigseg_segment_kind::BIGSEG_SEGMENT_SMALL,
        SegmentKind::Big => bigseg_segment_kind::BIGSEG_SEGMENT_BIG,
        SegmentKind::Impossible => bigseg_segment_kind::BIGSEG_SEGMENT_IMPOSSIBLE,
    }
}
