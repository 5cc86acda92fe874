//! Imports
//!
//! An import fills a store from lists. Memberships can be added in any order.
//! `bigseg_import_commit` writes all of them; nothing is written before. An import can be larger
//! than memory: the rest is in temporary files.

use std::ffi::{OsStr, c_void};
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use bigseg::import::{Entry, Import, ImportOptions, LineFormat, LineReader};
use bigseg::store::StoreWriter;
use bigseg::{ContextHash, Error, ErrorKind, Result, SegmentRef, StoreConfig};

use crate::code::bigseg_code;
use crate::context_hash::{bigseg_context_hash, hash_of_key};
use crate::error::bigseg_error;
use crate::guard::{guard, guard_value, invalid, non_null};
use crate::sized::{SizedStruct, size_of_struct, write_struct};
use crate::text::bigseg_str;

/// A list that is being collected. Two threads must not use it concurrently.
pub struct bigseg_import(Option<State>);

struct State {
    writer: Arc<dyn StoreWriter>,
    options: ImportOptions,
    /// Made with the first membership; the options cannot change after that.
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

/// The format of a list.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_list_format {
    /// CSV with rows of context, segment and membership. A header row can name and reorder the
    /// columns: `key` or `hash`, `segment`, `membership` (`include` or `exclude`; missing or empty
    /// = include). Without a header row, contexts are keys.
    BIGSEG_LIST_CSV = 0,
    /// CSV as `BIGSEG_LIST_CSV`, but without a header row, contexts are hashes.
    BIGSEG_LIST_CSV_OF_HASHES = 1,
    /// One JSON object per line: a "key" or a "hash", with "included" and "excluded" arrays of
    /// segment refs.
    BIGSEG_LIST_NDJSON = 2,
}

/// A format that the host passes, which can be any number; the header shows `bigseg_list_format`.
pub(crate) type raw_format = u32;

/// The result of an import.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_import_report {
    /// `sizeof(bigseg_import_report)`, set by the caller.
    pub struct_size: usize,
    /// Memberships that were added to the list, including duplicates.
    pub memberships: u64,
    /// Contexts in the list.
    pub contexts: u64,
    /// Contexts that were in the replaced segment before the import.
    pub replaced: u64,
}

// SAFETY: plain numbers.
unsafe impl SizedStruct for bigseg_import_report {
    const FIRST_SIZE: usize = size_of::<Self>();
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<bigseg_import_report>() == 32);

/// Called with the number of contexts written so far. It runs on the thread of
/// `bigseg_import_commit`, during that call only. It must not use the import.
pub type bigseg_progress_callback = Option<unsafe extern "C" fn(userdata: *mut c_void, contexts: u64)>;

/// Makes an import into a store, by a store string; `bigseg_config_set_store` lists the forms. A
/// memory or embedded store is created if it does not exist. Free the import with
/// `bigseg_import_free`.
///
/// Errors: `BIGSEG_INVALID_CONFIG`; a store code when the store cannot be written.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_new(
    store: bigseg_str,
    import: Option<&mut *mut bigseg_import>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let output = non_null(import, "import")?;
        let writer = StoreConfig::parse(store.utf8("store")?)?.writer()?;
        let state = State { writer, options: ImportOptions::default(), import: None };
        *output = Box::into_raw(Box::new(bigseg_import(Some(state))));
        Ok(())
    })
}

/// Replaces the content of a segment when the import is committed. Without this call, the list is
/// merged into it. Call it before the first membership is added.
///
/// Errors: `BIGSEG_INVALID_SEGMENT_REF`; `BIGSEG_INVALID_ARGUMENT` after the first membership.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_set_replace(
    import: Option<&mut bigseg_import>,
    segment_ref: bigseg_str,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let state = bigseg_import::state(import)?;
        if state.import.is_some() {
            return Err(invalid("the segment to replace must be set before the first membership is added"));
        }
        state.options.replace = Some(SegmentRef::parse(segment_ref.utf8("segment_ref")?)?);
        Ok(())
    })
}

/// Adds a membership by a context key: the context is included in the segment, or excluded from it.
/// It replaces the opposite value in the store. If one list has both values, the context is
/// included.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_INVALID_SEGMENT_REF`; the import can continue
/// after these. `BIGSEG_STORE_FULL` when there is no space for a temporary file.
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

/// Adds a membership by a context hash: the context is included in the segment, or excluded from
/// it. It replaces the opposite value in the store. If one list has both values, the context is
/// included.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_INVALID_SEGMENT_REF`; the import can continue
/// after these. `BIGSEG_STORE_FULL` when there is no space for a temporary file.
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
    let entry = if included { Entry::Include } else { Entry::Exclude };
    state.import().add(hash()?, segment_ref.utf8("segment_ref")?, entry)
}

/// Adds every line of a file, which can be compressed with gzip. `segment_ref` is the segment of
/// lines without one, and may be empty. A malformed line ends the call, unless `skip_bad_lines` is
/// set. `skipped` receives the number of skipped lines, and may be NULL. After a failure, the lines
/// before it stay in the import.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` for an unknown format; `BIGSEG_INVALID_INPUT`, with the line
/// number, when a line is malformed or the file cannot be read; `BIGSEG_STORE_FULL` when there is
/// no space for a temporary file.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_add_file(
    import: Option<&mut bigseg_import>,
    path: bigseg_str,
    format: raw_format,
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

fn line_format(format: raw_format) -> Result<LineFormat> {
    use bigseg_list_format::{BIGSEG_LIST_CSV, BIGSEG_LIST_CSV_OF_HASHES, BIGSEG_LIST_NDJSON};
    match format {
        _ if format == BIGSEG_LIST_CSV as u32 => Ok(LineFormat::Csv),
        _ if format == BIGSEG_LIST_CSV_OF_HASHES as u32 => Ok(LineFormat::Csv),
        _ if format == BIGSEG_LIST_NDJSON as u32 => Ok(LineFormat::Ndjson),
        _ => Err(invalid(format!("format is {format}, which is not a bigseg_list_format"))),
    }
}

/// Writes the list to the store, and sets the sync time of the store. `progress` and `report` may
/// be NULL; set `report->struct_size` first. Even if this fails, the import cannot be used again,
/// but must be freed.
///
/// Blocks until everything is written.
///
/// Errors: `BIGSEG_ALREADY_USED`; a store code. On failure a memory or embedded store does not
/// change; other stores may have a part of the list.
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
        // SAFETY: NULL, or a struct of at least `struct_size` bytes.
        let size = if report.is_null() { 0 } else { unsafe { size_of_struct(report, "report") }? };
        let mut state = import.0.take().ok_or_else(already_used)?;
        state.import();
        let list = state.import.expect("made in the line above");
        let done = list.finish(&mut |done| {
            if let Some(progress) = progress {
                // SAFETY: the host passed function and userdata together, for the duration of this
                // call.
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
            // SAFETY: `size` is the size that the struct states.
            unsafe { write_struct(report, size, &done) };
        }
        Ok(())
    })
}

/// Frees an import. If it was not committed, nothing is written.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_import_free(import: Option<Box<bigseg_import>>) {
    guard_value((), || drop(import));
}
