//! Lookups
//!
//! Every lookup exists for a context key and for its hash. It gives out a membership, to be freed with
//! `bigseg_membership_free`, and how far that can be trusted.
//!
//! A lookup fails only on misuse. Whatever goes wrong with the store is in the lookup status: a program has to go on
//! either way.
//!
//! Errors of all lookups: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`,
//! `BIGSEG_FORKED`.

use std::mem::MaybeUninit;

use bigseg_core::{Answer, ContextHash, LookupStatus, Origin, Result};

use crate::code::bigseg_code;
use crate::context_hash::{bigseg_context_hash, hash_of_key};
use crate::engine::bigseg_engine;
use crate::error::bigseg_error;
use crate::guard::{array, check_array, guard, guard_value, non_null};
use crate::membership::{bigseg_membership, give};
use crate::sized::{SizedStruct, size_of_struct, write_struct};
use crate::text::bigseg_str;

/// How far an answer can be trusted, from best to worst: the greater number is the worse. Several lookups in one
/// evaluation report the worst.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_lookup_status {
    /// The store answered, and it is up to date.
    BIGSEG_LOOKUP_HEALTHY = 0,
    /// The store answered, but nothing has kept it up to date lately.
    BIGSEG_LOOKUP_STALE = 1,
    /// The store failed; the membership is the last known one, or empty.
    BIGSEG_LOOKUP_STORE_ERROR = 2,
    /// There is no store, so no membership was looked up.
    BIGSEG_LOOKUP_NOT_CONFIGURED = 3,
}

/// Where an answer comes from.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum bigseg_origin {
    /// The store, just now.
    BIGSEG_ORIGIN_STORE = 0,
    /// The cache, younger than the cache time.
    BIGSEG_ORIGIN_CACHE = 1,
    /// The cache, older than the cache time, because the store failed.
    BIGSEG_ORIGIN_LAST_KNOWN = 2,
    /// Nowhere: there is no store, or it failed and nothing is remembered. The membership is empty.
    BIGSEG_ORIGIN_NOTHING = 3,
}

/// Everything a lookup found out.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct bigseg_lookup {
    /// `sizeof(bigseg_lookup)`, set by the caller.
    pub struct_size: usize,
    /// The membership, never NULL.
    pub membership: *const bigseg_membership,
    /// How far it can be trusted.
    pub status: bigseg_lookup_status,
    /// Where it comes from.
    pub origin: bigseg_origin,
    /// How long ago the store said it.
    pub age_ms: u64,
    /// Why the store was not heard; `BIGSEG_OK` when it was, or was not asked.
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
    /// Returns where an answer comes from, and how many milliseconds old it is.
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
    /// Gives an answer to the host, which frees the membership.
    pub(crate) fn of(answer: Answer) -> Self {
        let (origin, age_ms) = bigseg_origin::of(answer.origin);
        let code = answer.error.map_or(bigseg_code::BIGSEG_OK, |error| bigseg_code::of(error.kind()));
        Self {
            struct_size: size_of::<Self>(),
            membership: give(answer.membership),
            status: bigseg_lookup_status::of(answer.status),
            origin,
            age_ms,
            store_code: code,
        }
    }
}

/// Where the two outputs of a short lookup go.
struct Places<'a> {
    membership: &'a mut *const bigseg_membership,
    status: &'a mut MaybeUninit<bigseg_lookup_status>,
}

impl<'a> Places<'a> {
    fn new(
        membership: Option<&'a mut *const bigseg_membership>,
        status: Option<&'a mut MaybeUninit<bigseg_lookup_status>>,
    ) -> Result<Self> {
        Ok(Self { membership: non_null(membership, "membership")?, status: non_null(status, "status")? })
    }

    fn write(self, answer: Answer) {
        self.status.write(bigseg_lookup_status::of(answer.status));
        *self.membership = give(answer.membership);
    }

    fn write_if_any(self, answer: Option<Answer>) {
        match answer {
            Some(answer) => self.write(answer),
            None => *self.membership = std::ptr::null(),
        }
    }
}

/// Looks up a context by its key.
///
/// Blocks until the store has answered, at most for the lookup deadline; not at all for what is cached.
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
        let places = Places::new(membership, status)?;
        places.write(engine.membership(hash_of_key(context_key)?).wait()?);
        Ok(())
    })
}

/// Looks up a context by its hash, as `bigseg_engine_membership` does by its key.
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
        let places = Places::new(membership, status)?;
        places.write(engine.membership(non_null(hash, "hash")?.parse()?).wait()?);
        Ok(())
    })
}

/// Looks up many contexts by their keys, in as few queries as possible; `memberships` and `statuses` have room for
/// `count` entries each, in the order of the keys. Either all are written, or none.
///
/// Blocks as `bigseg_engine_membership` does.
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
        // SAFETY: the header asks for `count` entries, which stay as they are during the call.
        let keys = unsafe { array(context_keys, count, "context_keys") }?;
        let hashes = keys.iter().map(|key| hash_of_key(*key));
        look_up_many(engine, hashes, memberships, statuses)
    })
}

/// Looks up many contexts by their hashes, as `bigseg_engine_memberships` does by their keys.
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
        // SAFETY: as above.
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
        // SAFETY: both arrays have room for as many entries as there are hashes, and there is one answer for each.
        unsafe {
            statuses.add(index).write(bigseg_lookup_status::of(answer.status));
            memberships.add(index).write(give(answer.membership));
        }
    }
    Ok(())
}

/// Gives out an answer if there is one without asking anybody; otherwise returns `BIGSEG_OK` with a NULL membership,
/// and the status is not written.
///
/// Never blocks; neither allocates nor locks for what is cached.
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
        let places = Places::new(membership, status)?;
        places.write_if_any(engine.membership(hash_of_key(context_key)?).cached()?);
        Ok(())
    })
}

/// Does for a hash what `bigseg_engine_cached` does for a key.
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
        let places = Places::new(membership, status)?;
        places.write_if_any(engine.membership(non_null(hash, "hash")?.parse()?).cached()?);
        Ok(())
    })
}

/// Looks up a context by its key and tells everything there is to tell, including where the answer comes from. Set
/// `lookup->struct_size` first, and free `lookup->membership` afterwards.
///
/// Blocks as `bigseg_engine_membership` does.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_lookup(
    engine: Option<&bigseg_engine>,
    context_key: bigseg_str,
    lookup: *mut bigseg_lookup,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || look_up_in_full(engine, || hash_of_key(context_key), lookup))
}

/// Looks up a context by its hash, as `bigseg_engine_lookup` does by its key.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_engine_lookup_by_hash(
    engine: Option<&bigseg_engine>,
    hash: Option<&bigseg_context_hash>,
    lookup: *mut bigseg_lookup,
    error: Option<&mut *mut bigseg_error>,
) -> bigseg_code {
    guard(error, || look_up_in_full(engine, || non_null(hash, "hash")?.parse(), lookup))
}

fn look_up_in_full(
    engine: Option<&bigseg_engine>,
    hash: impl FnOnce() -> Result<ContextHash>,
    lookup: *mut bigseg_lookup,
) -> Result<()> {
    let engine = bigseg_engine::get(engine)?;
    // SAFETY: the header asks for a struct that is as long as it says.
    let size = unsafe { size_of_struct(lookup, "lookup") }?;
    let answer = engine.membership(hash()?).wait()?;
    // SAFETY: `size` is what the struct says.
    unsafe { write_struct(lookup, size, &bigseg_lookup::of(answer)) };
    Ok(())
}

/// Returns the name that evaluation reasons use as `bigSegmentsStatus`, such as "STORE_ERROR"; empty for a number that
/// is no status. The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_lookup_status_name(status: given_status) -> bigseg_str {
    guard_value(bigseg_str::of(""), || {
        let known = LookupStatus::ALL.iter().find(|known| **known as u32 == status);
        bigseg_str::of(known.map_or("", |known| known.name()))
    })
}

/// A status that comes from C, where it may be any number. The header calls it `bigseg_lookup_status` too.
pub(crate) type given_status = u32;
