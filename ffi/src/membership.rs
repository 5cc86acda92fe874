//! Memberships
//!
//! What the store says about one context: the segments it is included in and excluded from. Immutable; any thread may
//! use it.

use std::mem::ManuallyDrop;

use bigseg_core::{Membership, SegmentRef};

use crate::guard::guard_value;
use crate::text::bigseg_str;

/// A context's membership of all segments.
pub struct bigseg_membership {
    /// The pointer is one of `Membership::into_raw`: handing out what is cached allocates nothing.
    _opaque: [u8; 0],
}

/// What a membership says about one segment.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_membership_value {
    /// The store has no value for the segment: its rules decide. This is not the same as "excluded".
    BIGSEG_MEMBERSHIP_NO_VALUE = 0,
    /// The context is in the segment.
    BIGSEG_MEMBERSHIP_INCLUDED = 1,
    /// The context is not in the segment, whatever its rules say.
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

/// Gives a membership to the host, which frees it.
pub(crate) fn give(membership: Membership) -> *const bigseg_membership {
    membership.into_raw().cast()
}

/// Looks at a membership of the host's without taking it back.
fn look<T>(membership: *const bigseg_membership, fallback: T, read: impl FnOnce(&Membership) -> T) -> T {
    if membership.is_null() {
        return fallback;
    }
    guard_value(fallback, || {
        // SAFETY: the host holds what `give` gave, and it stays there.
        read(&ManuallyDrop::new(unsafe { Membership::from_raw(membership.cast()) }))
    })
}

/// Returns what a membership says about a segment. Included wins where the store says both.
///
/// For NULL, and for a ref that is not UTF-8, the result is `BIGSEG_MEMBERSHIP_NO_VALUE`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_check(
    membership: *const bigseg_membership,
    segment_ref: bigseg_str,
) -> bigseg_membership_value {
    look(membership, BIGSEG_MEMBERSHIP_NO_VALUE, |membership| {
        let segment_ref = segment_ref.utf8("segment_ref").ok();
        bigseg_membership_value::of(segment_ref.and_then(|segment_ref| membership.check(segment_ref)))
    })
}

/// Returns in how many segments the context is included; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_included_count(membership: *const bigseg_membership) -> usize {
    look(membership, 0, |membership| membership.included().len())
}

/// Returns from how many segments the context is excluded; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_excluded_count(membership: *const bigseg_membership) -> usize {
    look(membership, 0, |membership| membership.excluded().len())
}

/// Returns a ref the context is included in, borrowed from the membership. They are sorted by their bytes; beyond the
/// last one, and for NULL, the text is empty.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_included_at(
    membership: *const bigseg_membership,
    index: usize,
) -> bigseg_str {
    look(membership, bigseg_str::of(""), |membership| at(membership.included(), index))
}

/// Returns a ref the context is excluded from, as `bigseg_membership_included_at` does.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_excluded_at(
    membership: *const bigseg_membership,
    index: usize,
) -> bigseg_str {
    look(membership, bigseg_str::of(""), |membership| at(membership.excluded(), index))
}

fn at(refs: &[SegmentRef], index: usize) -> bigseg_str {
    bigseg_str::of(refs.get(index).map_or("", SegmentRef::as_str))
}

/// Returns another handle on the same membership, to be freed on its own; NULL for NULL. Copies nothing.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_clone(membership: *const bigseg_membership) -> *const bigseg_membership {
    look(membership, std::ptr::null(), |membership| give(membership.clone()))
}

/// Frees a membership.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_membership_free(membership: *const bigseg_membership) {
    if !membership.is_null() {
        // SAFETY: the host gives back what `give` gave, once.
        guard_value((), || drop(unsafe { Membership::from_raw(membership.cast()) }));
    }
}
