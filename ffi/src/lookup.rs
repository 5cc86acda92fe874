//! Lookups
//!
//! A lookup returns the membership of a context, and a lookup status that says how reliable it is.
//! Each lookup takes a context key or, with `_by_hash`, a context hash. Free the membership with
//! `bigseg_membership_free`.
//!
//! A lookup call fails only on misuse. A failure of the store is reported by the lookup status.

use std::mem::MaybeUninit;

use bigseg::{Answer, ContextHash, LookupStatus, Origin, Result};

use crate::code::bigseg_code;
use crate::context_hash::{bigseg_context_hash, hash_of_key};
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{array, check_array, guard, guard_value, non_null};
use crate::membership::{bigseg_membership, into_raw};
use crate::sized::{SizedStruct, size_of_struct, write_struct};
use crate::text::bigseg_str;

/// How reliable an answer is, from best to worst: a greater number is worse. An evaluation with
/// several lookups reports the worst status.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_lookup_status {
    /// The store answered, and it is up to date.
    BIGSEG_LOOKUP_HEALTHY = 0,
    /// The store answered, but its sync time is missing or too old.
    BIGSEG_LOOKUP_STALE = 1,
    /// The store failed. The membership is the last known one, or empty.
    BIGSEG_LOOKUP_STORE_ERROR = 2,
    /// There is no store, or the segment has no generation. The membership is empty.
    BIGSEG_LOOKUP_NOT_CONFIGURED = 3,
}

/// The origin of an answer.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_origin {
    /// A query to the store, for this lookup.
    BIGSEG_ORIGIN_STORE = 0,
    /// The cache, within its cache time.
    BIGSEG_ORIGIN_CACHE = 1,
    /// The cache, after its cache time, because the store failed.
    BIGSEG_ORIGIN_LAST_KNOWN = 2,
    /// None: there is no store, or it failed and the cache has no answer. The membership is empty.
    BIGSEG_ORIGIN_NOTHING = 3,
}

/// The full answer of a lookup.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_lookup {
    /// `sizeof(bigseg_lookup)`, set by the caller.
    pub struct_size: usize,
    /// The membership; never NULL.
    pub membership: *const bigseg_membership,
    /// How reliable the membership is.
    pub status: bigseg_lookup_status,
    /// Where the membership comes from.
    pub origin: bigseg_origin,
    /// The age of the membership: the time since the store was queried for it, in milliseconds.
    pub age_ms: u64,
    /// Why the store did not answer; `BIGSEG_OK` when it did, or was not queried.
    pub store_code: bigseg_code,
}

// SAFETY: zeros are NULL and the first value of each enum.
unsafe impl SizedStruct for bigseg_lookup {
    const FIRST_SIZE: usize = size_of::<Self>();
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<bigseg_lookup>() == 40);

impl bigseg_lookup_status {
    pub(crate) fn of(status: LookupStatus) -> Self {
        match status {
            LookupStatus::Healthy => Self::BIGSEG_LOOKUP_HEALTHY,
            LookupStatus::Stale => Self::BIGSEG_LOOKUP_STALE,
            LookupStatus::StoreError => Self::BIGSEG_LOOKUP_STORE_ERROR,
            LookupStatus::NotConfigured => Self::BIGSEG_LOOKUP_NOT_CONFIGURED,
        }
    }
}

impl bigseg_origin {
    /// Returns the origin, and the age in milliseconds.
    pub(crate) fn of(origin: Origin) -> (Self, u64) {
        let known = match origin {
            Origin::Store => Self::BIGSEG_ORIGIN_STORE,
            Origin::Cache { .. } => Self::BIGSEG_ORIGIN_CACHE,
            Origin::LastKnown { .. } => Self::BIGSEG_ORIGIN_LAST_KNOWN,
            Origin::Nothing => Self::BIGSEG_ORIGIN_NOTHING,
        };
        (known, u64::try_from(origin.age().as_millis()).unwrap_or(u64::MAX))
    }
}

impl bigseg_lookup {
    /// Converts an answer. The host frees the membership.
    pub(crate) fn of(answer: Answer) -> Self {
        let (origin, age_ms) = bigseg_origin::of(answer.origin);
        let code = answer.error.map_or(bigseg_code::BIGSEG_OK, |error| bigseg_code::of(error.kind()));
        Self {
            struct_size: size_of::<Self>(),
            membership: into_raw(answer.membership),
            status: bigseg_lookup_status::of(answer.status),
            origin,
            age_ms,
            store_code: code,
        }
    }
}

/// The two outputs of a lookup.
struct Outputs<'a> {
    membership: &'a mut *const bigseg_membership,
    status: &'a mut MaybeUninit<bigseg_lookup_status>,
}

impl<'a> Outputs<'a> {
    fn new(
        membership: Option<&'a mut *const bigseg_membership>,
        status: Option<&'a mut MaybeUninit<bigseg_lookup_status>>,
    ) -> Result<Self> {
        Ok(Self { membership: non_null(membership, "membership")?, status: non_null(status, "status")? })
    }

    fn write(self, answer: Answer) {
        self.status.write(bigseg_lookup_status::of(answer.status));
        *self.membership = into_raw(answer.membership);
    }

    fn write_or_null(self, answer: Option<Answer>) {
        match answer {
            Some(answer) => self.write(answer),
            None => *self.membership = std::ptr::null(),
        }
    }
}

/// Looks up a context by its key, and writes its membership and lookup status.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for a cached answer.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_membership(
    engine: Option<&bigseg_engine>,
    context_key: bigseg_str,
    membership: Option<&mut *const bigseg_membership>,
    status: Option<&mut MaybeUninit<bigseg_lookup_status>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let outputs = Outputs::new(membership, status)?;
        outputs.write(engine.membership(hash_of_key(context_key)?).wait()?);
        Ok(())
    })
}

/// Looks up a context by its hash, and writes its membership and lookup status.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for a cached answer.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_membership_by_hash(
    engine: Option<&bigseg_engine>,
    hash: Option<&bigseg_context_hash>,
    membership: Option<&mut *const bigseg_membership>,
    status: Option<&mut MaybeUninit<bigseg_lookup_status>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let outputs = Outputs::new(membership, status)?;
        outputs.write(engine.membership(non_null(hash, "hash")?.parse()?).wait()?);
        Ok(())
    })
}

/// Looks up many contexts by their keys, in as few queries as possible. `memberships` and
/// `statuses` have room for `count` entries each, in the order of the keys. Either all entries are
/// written, or none.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for cached answers.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_memberships(
    engine: Option<&bigseg_engine>,
    context_keys: *const bigseg_str,
    count: usize,
    memberships: *mut *const bigseg_membership,
    statuses: *mut bigseg_lookup_status,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        // SAFETY: the header requires `count` entries, which do not change during the call.
        let keys = unsafe { array(context_keys, count, "context_keys") }?;
        let hashes = keys.iter().map(|key| hash_of_key(*key));
        look_up_many(engine, hashes, memberships, statuses)
    })
}

/// Looks up many contexts by their hashes, in as few queries as possible. `memberships` and
/// `statuses` have room for `count` entries each, in the order of the hashes. Either all entries
/// are written, or none.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for cached answers.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_memberships_by_hash(
    engine: Option<&bigseg_engine>,
    hashes: *const bigseg_context_hash,
    count: usize,
    memberships: *mut *const bigseg_membership,
    statuses: *mut bigseg_lookup_status,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        // SAFETY: as in `bigseg_engine_memberships`.
        let hashes = unsafe { array(hashes, count, "hashes") }?;
        look_up_many(engine, hashes.iter().map(bigseg_context_hash::parse), memberships, statuses)
    })
}

fn look_up_many(
    engine: Option<&bigseg_engine>,
    hashes: impl ExactSizeIterator<Item = Result<ContextHash>>,
    memberships: *mut *const bigseg_membership,
    statuses: *mut bigseg_lookup_status,
) -> Result<()> {
    check_array(memberships, hashes.len(), "memberships")?;
    check_array(statuses, hashes.len(), "statuses")?;
    let engine = bigseg_engine::get(engine)?;
    let hashes = hashes.collect::<Result<Vec<_>>>()?;
    let answers = engine.memberships(&hashes).wait()?;
    for (index, answer) in answers.into_iter().enumerate() {
        // SAFETY: both arrays have room for one entry per hash, and there is one answer per hash.
        unsafe {
            statuses.add(index).write(bigseg_lookup_status::of(answer.status));
            memberships.add(index).write(into_raw(answer.membership));
        }
    }
    Ok(())
}

/// Looks up a context by its key in the cache only, and writes its membership and lookup status. If
/// the cache has no valid answer, it returns `BIGSEG_OK`, sets the membership to NULL, and does not
/// write the status.
///
/// Never blocks. A cached answer needs neither an allocation nor a lock.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_cached(
    engine: Option<&bigseg_engine>,
    context_key: bigseg_str,
    membership: Option<&mut *const bigseg_membership>,
    status: Option<&mut MaybeUninit<bigseg_lookup_status>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let outputs = Outputs::new(membership, status)?;
        outputs.write_or_null(engine.membership(hash_of_key(context_key)?).cached()?);
        Ok(())
    })
}

/// Looks up a context by its hash in the cache only, and writes its membership and lookup status.
/// If the cache has no valid answer, it returns `BIGSEG_OK`, sets the membership to NULL, and does
/// not write the status.
///
/// Never blocks. A cached answer needs neither an allocation nor a lock.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_cached_by_hash(
    engine: Option<&bigseg_engine>,
    hash: Option<&bigseg_context_hash>,
    membership: Option<&mut *const bigseg_membership>,
    status: Option<&mut MaybeUninit<bigseg_lookup_status>>,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || {
        let engine = bigseg_engine::get(engine)?;
        let outputs = Outputs::new(membership, status)?;
        outputs.write_or_null(engine.membership(non_null(hash, "hash")?.parse()?).cached()?);
        Ok(())
    })
}

/// Looks up a context by its key, and writes the full answer, including its origin. Set
/// `lookup->struct_size` first, and free `lookup->membership` afterwards.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for a cached answer.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_lookup(
    engine: Option<&bigseg_engine>,
    context_key: bigseg_str,
    lookup: *mut bigseg_lookup,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || full_lookup(engine, || hash_of_key(context_key), lookup))
}

/// Looks up a context by its hash, and writes the full answer, including its origin. Set
/// `lookup->struct_size` first, and free `lookup->membership` afterwards.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for a cached answer.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_lookup_by_hash(
    engine: Option<&bigseg_engine>,
    hash: Option<&bigseg_context_hash>,
    lookup: *mut bigseg_lookup,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || full_lookup(engine, || non_null(hash, "hash")?.parse(), lookup))
}

fn full_lookup(
    engine: Option<&bigseg_engine>,
    hash: impl FnOnce() -> Result<ContextHash>,
    lookup: *mut bigseg_lookup,
) -> Result<()> {
    let engine = bigseg_engine::get(engine)?;
    // SAFETY: the header requires a struct of at least `struct_size` bytes.
    let size = unsafe { size_of_struct(lookup, "lookup") }?;
    let answer = engine.membership(hash()?).wait()?;
    // SAFETY: `size` is the size that the struct states.
    unsafe { write_struct(lookup, size, &bigseg_lookup::of(answer)) };
    Ok(())
}

/// Returns the name that the SDKs use as `bigSegmentsStatus` in an evaluation reason, such as
/// "STORE_ERROR"; empty for an unknown number. The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_lookup_status_name(status: raw_status) -> bigseg_str {
    guard_value(bigseg_str::of(""), || {
        let known = LookupStatus::ALL.iter().find(|known| **known as u32 == status);
        bigseg_str::of(known.map_or("", |known| known.name()))
    })
}

/// A status that the host passes, which can be any number; the header shows `bigseg_lookup_status`.
pub(crate) type raw_status = u32;
