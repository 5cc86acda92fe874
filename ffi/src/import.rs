//! Imports
//!
//! An import fills a store from lists. Memberships are added in any order, and are written together by
//! `bigseg_import_commit`; before that nothing is. It may be far larger than memory: what does not fit is kept in
//! temporary files.

use std::ffi::{OsStr, c_void};
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use bigseg_core::import::{Import, ImportOptions, LineFormat, LineReader};
use bigseg_core::store::StoreWriter;
use bigseg_core::{ContextHash, Error, ErrorKind, Result, SegmentRef, StoreConfig};

use crate::code::bigseg_code;
use crate::context_hash::{bigseg_context_hash, hash_of_key};
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, invalid, non_null};
use crate::sized::{SizedStruct, size_of_struct, write_struct};
use crate::text::bigseg_str;

/// A list being collected. Not to be used by two threads at once.
pub struct bigseg_import(Option<State>);

struct State {
    writer: Arc<dyn StoreWriter>,
    options: ImportOptions,
    /// Begun by the first membership; options are settled then.
    import: Option<Import>,
}

impl State {
    fn import(&mut self) -> &mut Import {
        self.import.get_or_insert_with(|| Import::new(self.writer.clone(), self.options.clone()))
    }
}

impl bigseg_import {
    fn state(import: Option<&mut Self>) -> Result<&mut State> {
        non_null(import, "import")?.0.as_mut().ok_or_else(already_used)
    }
}

fn already_used() -> Error {
    Error::new(ErrorKind::AlreadyUsed, "this import was already committed; begin a new one")
}

/// How a list is written down.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_list_format {
    /// Rows of context, segment, membership. A header row may name and reorder the columns: `key` or `hash`,
    /// `segment`, `membership` (`include` or `exclude`; missing or empty = include). Without one, contexts are keys.
    BIGSEG_LIST_CSV = 0,
    /// The same, but without a header row contexts are hashes.
    BIGSEG_LIST_CSV_OF_HASHES = 1,
    /// One JSON object a line: a "key" or a "hash", with "included" and "excluded" arrays of segment refs.
    BIGSEG_LIST_NDJSON = 2,
}

/// A format that comes from C, where it may be any number. The header calls it `bigseg_list_format` too.
pub(crate) type given_format = u32;

/// What an import did.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_import_report {
    /// `sizeof(bigseg_import_report)`, set by the caller.
    pub struct_size: usize,
    /// Memberships that were added to the list, repeats included.
    pub memberships: u64,
    /// Contexts in the list.
    pub contexts: u64,
    /// Contexts that were in the replaced segment before.
    pub replaced: u64,
}

// SAFETY: plain numbers.
unsafe impl SizedStruct for bigseg_import_report {
    const FIRST_SIZE: usize = size_of::<Self>();
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<bigseg_import_report>() == 32);

/// Hears how many contexts are written so far. Called on the committing thread, during `bigseg_import_commit` only; it
/// must not use the import.
pub type bigseg_progress_callback = Option<unsafe extern "C" fn(userdata: *mut c_void, contexts: u64)>;

/// Begins an import into the store of that store string, creating the store where that is possible.
///
/// Errors: `BIGSEG_INVALID_CONFIG`; any store code when the store cannot be written.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_new(
    store: bigseg_str,
    import: Option<&mut *mut bigseg_import>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let place = non_null(import, "import")?;
        let writer = StoreConfig::parse(store.utf8("store")?)?.writer()?;
        let state = State { writer, options: ImportOptions::default(), import: None };
        *place = Box::into_raw(Box::new(bigseg_import(Some(state))));
        Ok(())
    })
}

/// Forgets, when the import is committed, who is in that segment now. Otherwise the list is merged into what is there.
/// To be called before anything is added.
///
/// Errors: `BIGSEG_INVALID_SEGMENT_REF`; `BIGSEG_INVALID_ARGUMENT` when something was added before.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_set_replace(
    import: Option<&mut bigseg_import>,
    segment_ref: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let state = bigseg_import::state(import)?;
        if state.import.is_some() {
            return Err(invalid("the segment to replace must be set before anything is added"));
        }
        state.options.replace = Some(SegmentRef::parse(segment_ref.utf8("segment_ref")?)?);
        Ok(())
    })
}

/// Adds a membership: the context is included in the segment, or excluded from it. It takes the place of its opposite
/// in the store; if one list says both, included wins.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_INVALID_SEGMENT_REF`, after which the import can go on;
/// `BIGSEG_STORE_FULL` when there is no room for a temporary file.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_add(
    import: Option<&mut bigseg_import>,
    context_key: bigseg_str,
    segment_ref: bigseg_str,
    included: bool,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || add(import, || hash_of_key(context_key), segment_ref, included))
}

/// Adds a membership by the context's hash, as `bigseg_import_add` does by its key.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_add_hash(
    import: Option<&mut bigseg_import>,
    hash: Option<&bigseg_context_hash>,
    segment_ref: bigseg_str,
    included: bool,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || add(import, || non_null(hash, "hash")?.parse(), segment_ref, included))
}

fn add(
    import: Option<&mut bigseg_import>,
    hash: impl FnOnce() -> Result<ContextHash>,
    segment_ref: bigseg_str,
    included: bool,
) -> Result<()> {
    let state = bigseg_import::state(import)?;
    state.import().add(hash()?, segment_ref.utf8("segment_ref")?, included)
}

/// Adds every line of a file, which may be compressed with gzip. `segment_ref` is the segment of lines that name none,
/// and may be empty. A line that cannot be understood ends the reading, unless `skip_bad_lines`; `skipped` receives how
/// many were left out, and may be NULL. What was read before a failure stays in the import.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the format is none; `BIGSEG_INVALID_INPUT`, naming the line, when a line or
/// the file cannot be read; `BIGSEG_STORE_FULL` when there is no room for a temporary file.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_add_file(
    import: Option<&mut bigseg_import>,
    path: bigseg_str,
    format: given_format,
    segment_ref: bigseg_str,
    skip_bad_lines: bool,
    skipped: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let state = bigseg_import::state(import)?;
        let segment = match segment_ref.utf8("segment_ref")? {
            "" => None,
            text => Some(SegmentRef::parse(text)?),
        };
        let reader = LineReader {
            format: line_format(format)?,
            segment,
            hashed: format == bigseg_list_format::BIGSEG_LIST_CSV_OF_HASHES as u32,
        };
        let path = OsStr::from_bytes(path.bytes("path")?);
        let file = File::open(path).map_err(|e| {
            let text = format!("{} cannot be opened: {e}", path.display());
            Error::with_source(ErrorKind::InvalidInput, text, e)
        })?;
        let mut bad_lines = 0;
        reader.read(file, state.import(), &mut |bad_line| {
            if !skip_bad_lines {
                return Err(bad_line.into());
            }
            bad_lines += 1;
            Ok(())
        })?;
        if let Some(skipped) = skipped {
            skipped.write(bad_lines);
        }
        Ok(())
    })
}

fn line_format(format: given_format) -> Result<LineFormat> {
    use bigseg_list_format::{BIGSEG_LIST_CSV, BIGSEG_LIST_CSV_OF_HASHES, BIGSEG_LIST_NDJSON};
    match format {
        _ if format == BIGSEG_LIST_CSV as u32 => Ok(LineFormat::Csv),
        _ if format == BIGSEG_LIST_CSV_OF_HASHES as u32 => Ok(LineFormat::Csv),
        _ if format == BIGSEG_LIST_NDJSON as u32 => Ok(LineFormat::Ndjson),
        _ => Err(invalid(format!("format is {format}, which is no bigseg_list_format"))),
    }
}

/// Writes the list and declares the store synchronised. `progress` and `report` may be NULL; set
/// `report->struct_size` first. The import cannot be used again, whatever this returns, but must be freed.
///
/// Blocks until everything is written.
///
/// Errors: `BIGSEG_ALREADY_USED`; any store code. A memory or embedded store is then as it was before.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_commit(
    import: Option<&mut bigseg_import>,
    progress: bigseg_progress_callback,
    userdata: *mut c_void,
    report: *mut bigseg_import_report,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let import = non_null(import, "import")?;
        // SAFETY: NULL, or a struct that is as long as it says.
        let size = if report.is_null() { 0 } else { unsafe { size_of_struct(report, "report") }? };
        let mut state = import.0.take().ok_or_else(already_used)?;
        state.import();
        let list = state.import.expect("begun in the line above");
        let done = list.finish(&mut |done| {
            if let Some(progress) = progress {
                // SAFETY: the host gave function and userdata together, for the duration of this call.
                unsafe { progress(userdata, done.contexts) };
            }
        })?;
        if !report.is_null() {
            let done = bigseg_import_report {
                struct_size: size,
                memberships: done.memberships,
                contexts: done.contexts,
                replaced: done.replaced,
            };
            // SAFETY: `size` is what the struct says.
            unsafe { write_struct(report, size, &done) };
        }
        Ok(())
    })
}

/// Frees an import. One that was not committed leaves nothing behind.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_free(import: Option<Box<bigseg_import>>) {
    guard_value((), || drop(import));
}
