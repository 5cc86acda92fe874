//! Memberships
//!
//! A membership is the data of the store on one context: the segments that it is included in, and
//! those that it is excluded from. It is immutable; any thread may use it.

use std::mem::ManuallyDrop;

use bigseg::{Membership, SegmentRef};

use crate::guard::guard_value;
use crate::text::bigseg_str;

/// The membership of a context, in all segments.
pub struct bigseg_membership {
    /// The pointer comes from `Membership::into_raw`, so that a cached membership needs no
    /// allocation.
    _opaque: [u8; 0],
}

/// What a membership says about one segment.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_membership_value {
    /// The store has no value for the segment: the rules of the segment decide. This differs from
    /// "excluded".
    BIGSEG_MEMBERSHIP_NO_VALUE = 0,
    /// The context is in the segment.
    BIGSEG_MEMBERSHIP_INCLUDED = 1,
    /// The context is not in the segment, even if a rule matches.
    BIGSEG_MEMBERSHIP_EXCLUDED = 2,
}

use bigseg_membership_value::{
    BIGSEG_MEMBERSHIP_EXCLUDED, BIGSEG_MEMBERSHIP_INCLUDED, BIGSEG_MEMBERSHIP_NO_VALUE,
};

impl bigseg_membership_value {
    pub(crate) fn of(value: Option<bool>) -> Self {
        match value {
            Some(true) => BIGSEG_MEMBERSHIP_INCLUDED,
            Some(false) => BIGSEG_MEMBERSHIP_EXCLUDED,
            None => BIGSEG_MEMBERSHIP_NO_VALUE,
        }
    }
}

/// Passes the ownership of a membership to the host.
pub(crate) fn into_raw(membership: Membership) -> *const bigseg_membership {
    membership.into_raw().cast()
}

/// Reads a membership that the host owns.
fn read<T>(membership: *const bigseg_membership, fallback: T, field: impl FnOnce(&Membership) -> T) -> T {
    if membership.is_null() {
        return fallback;
    }
    guard_value(fallback, || {
        // SAFETY: the host holds what `into_raw` returned, and it stays there.
        field(&ManuallyDrop::new(unsafe { Membership::from_raw(membership.cast()) }))
    })
}

/// Returns what a membership says about a segment. If the store has both values, it is included.
///
/// Returns `BIGSEG_MEMBERSHIP_NO_VALUE` for NULL, and for a ref that is not UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_check(
    membership: *const bigseg_membership,
    segment_ref: bigseg_str,
) -> bigseg_membership_value {
    read(membership, BIGSEG_MEMBERSHIP_NO_VALUE, |membership| {
        let segment_ref = segment_ref.utf8("segment_ref").ok();
        bigseg_membership_value::of(segment_ref.and_then(|segment_ref| membership.check(segment_ref)))
    })
}

/// Returns the number of segments that the context is included in; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_included_count(membership: *const bigseg_membership) -> usize {
    read(membership, 0, |membership| membership.included().len())
}

/// Returns the number of segments that the context is excluded from; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_excluded_count(membership: *const bigseg_membership) -> usize {
    read(membership, 0, |membership| membership.excluded().len())
}

/// Returns the ref of a segment that the context is included in, borrowed from the membership. The
/// refs are sorted by their bytes. Beyond the last one, and for NULL, the text is empty.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_included_at(
    membership: *const bigseg_membership,
    index: usize,
) -> bigseg_str {
    read(membership, bigseg_str::of(""), |membership| at(membership.included(), index))
}

/// Returns the ref of a segment that the context is excluded from, borrowed from the membership.
/// The refs are sorted by their bytes. Beyond the last one, and for NULL, the text is empty.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_excluded_at(
    membership: *const bigseg_membership,
    index: usize,
) -> bigseg_str {
    read(membership, bigseg_str::of(""), |membership| at(membership.excluded(), index))
}

fn at(refs: &[SegmentRef], index: usize) -> bigseg_str {
    bigseg_str::of(refs.get(index).map_or("", SegmentRef::as_str))
}

/// Returns a second handle for the same membership, which must be freed too; NULL for NULL. It does
/// not copy the content.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_clone(membership: *const bigseg_membership) -> *const bigseg_membership {
    read(membership, std::ptr::null(), |membership| into_raw(membership.clone()))
}

/// Frees a membership.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_free(membership: *const bigseg_membership) {
    if !membership.is_null() {
        // SAFETY: the host returns what `into_raw` returned, once.
        guard_value((), || drop(unsafe { Membership::from_raw(membership.cast()) }));
    }
}
