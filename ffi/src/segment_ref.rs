//! Segment refs
//!
//! A segment ref, `{segmentKey}.g{generation}`, identifies one generation of a segment.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use bigseg::SegmentRef;

use crate::code::bigseg_code;
use crate::error::bigseg_error;
use crate::guard::{check_array, guard, invalid, non_null};
use crate::text::bigseg_str;

/// The most characters that a segment ref has beyond its segment key, including a terminating NUL.
pub const BIGSEG_SEGMENT_REF_EXTRA: usize = 23;

/// Splits a segment ref at its last `.g`. The resulting key is a part of `segment_ref`, and is
/// valid as long as that is.
///
/// Errors: `BIGSEG_INVALID_SEGMENT_REF` unless the text is a non-empty key, `.g`, and a decimal
/// generation without sign or leading zeros.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_ref_split(
    segment_ref: bigseg_str,
    segment_key: Option<&mut MaybeUninit<bigseg_str>>,
    generation: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let segment_key = non_null(segment_key, "segment_key")?;
        let generation = non_null(generation, "generation")?;
        let parsed = SegmentRef::parse(segment_ref.utf8("segment_ref")?)?;
        generation.write(parsed.generation().expect("a parsed ref has a generation"));
        segment_key.write(bigseg_str { data: segment_ref.data, length: parsed.segment_key().len() });
        Ok(())
    })
}

/// Writes the segment ref of a key and a generation, and a terminating NUL, to `buffer` of
/// `capacity` bytes. `length` receives the number of characters without the NUL, and may be NULL.
///
/// Errors: `BIGSEG_INVALID_SEGMENT_REF` when the key is empty; `BIGSEG_INVALID_ARGUMENT` when the
/// buffer is too small. `segment_key.length + BIGSEG_SEGMENT_REF_EXTRA` bytes are always enough.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_segment_ref_format(
    segment_key: bigseg_str,
    generation: u64,
    buffer: *mut c_char,
    capacity: usize,
    length: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        check_array(buffer, capacity.max(1), "buffer")?;
        let text = SegmentRef::new(segment_key.utf8("segment_key")?, generation)?;
        let text = text.as_str();
        if text.len() >= capacity {
            return Err(invalid(format!(
                "buffer has {capacity} bytes; this segment ref needs {} with its NUL",
                text.len() + 1
            )));
        }
        // SAFETY: the header requires `capacity` writable bytes, which are more than the text has.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, text.len());
            buffer.add(text.len()).write(0);
        }
        if let Some(length) = length {
            length.write(text.len());
        }
        Ok(())
    })
}
