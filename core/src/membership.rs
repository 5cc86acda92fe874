//! The membership of one context (docs/spec.md#membership): the segments it is included in and
//! excluded from.

use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use crate::runtime::fork_guard;
use crate::segment_ref::SegmentRef;

/// The most interned memberships, and the most refs of one of them.
const MAX_INTERNED: usize = 4096;
const MAX_INTERNED_REFS: usize = 32;

/// Every segment ref one context is included in or excluded from; immutable, cheap to clone, `Send
/// + Sync`.
///
/// A population of millions has few distinct memberships. The first 4,096 small ones of the process
/// are interned: kept forever and shared by plain reference. Threads that answer from the cache
/// then never write to the same reference count. All others are reference-counted.
#[derive(Clone)]
pub struct Membership(Repr);

#[derive(Clone)]
enum Repr {
    Interned(&'static Refs),
    Shared(Arc<Refs>),
}

struct Refs {
    is_interned: bool,
    /// `refs[..included]` are the included ones, the rest the excluded ones; both sorted, without
    /// duplicates.
    included: usize,
    refs: Box<[SegmentRef]>,
}

static EMPTY: LazyLock<&'static Refs> =
    LazyLock::new(|| Box::leak(Box::new(Refs { is_interned: true, included: 0, refs: Box::default() })));
static INTERNED: LazyLock<Mutex<HashSet<&'static Refs>>> =
    LazyLock::new(|| Mutex::new(HashSet::from([*EMPTY])));

impl Membership {
    /// Returns the membership of a context without rows in the store: "no value" for every segment.
    pub fn empty() -> Self {
        Self(Repr::Interned(*EMPTY))
    }

    /// Builds a membership from refs in any order; duplicates are dropped.
    pub fn new(
        included: impl IntoIterator<Item = SegmentRef>,
        excluded: impl IntoIterator<Item = SegmentRef>,
    ) -> Self {
        let mut refs: Vec<SegmentRef> = included.into_iter().collect();
        refs.sort_unstable();
        refs.dedup();
        let included = refs.len();
        let mut rest: Vec<SegmentRef> = excluded.into_iter().collect();
        rest.sort_unstable();
        rest.dedup();
        refs.append(&mut rest);
        Self(intern(Refs { is_interned: false, included, refs: refs.into() }))
    }

    fn refs(&self) -> &Refs {
        match &self.0 {
            Repr::Interned(refs) => refs,
            Repr::Shared(refs) => refs,
        }
    }

    /// Returns `Some(true)` when included, `Some(false)` when excluded, and `None` when the store
    /// has no value.
    ///
    /// "No value" is not "false": the segment's rules decide then. Where a context is both included
    /// and excluded, included wins (docs/spec.md#membership).
    pub fn check(&self, segment_ref: &str) -> Option<bool> {
        let contains = |refs: &[SegmentRef]| refs.binary_search_by(|r| r.as_str().cmp(segment_ref)).is_ok();
        if contains(self.included()) {
            Some(true)
        } else if contains(self.excluded()) {
            Some(false)
        } else {
            None
        }
    }

    /// Returns the refs the context is included in, sorted by their bytes.
    pub fn included(&self) -> &[SegmentRef] {
        let refs = self.refs();
        &refs.refs[..refs.included]
    }

    /// Returns the refs the context is excluded from, sorted by their bytes.
    pub fn excluded(&self) -> &[SegmentRef] {
        let refs = self.refs();
        &refs.refs[refs.included..]
    }

    /// Returns a number that identifies an interned membership for the life of the process; `None`
    /// for others.
    pub fn interned_id(&self) -> Option<usize> {
        match &self.0 {
            Repr::Interned(refs) => Some(std::ptr::from_ref::<Refs>(refs).addr()),
            Repr::Shared(_) => None,
        }
    }

    /// Returns the number of refs, included and excluded.
    pub fn len(&self) -> usize {
        self.refs().refs.len()
    }

    /// Returns whether the store has no value for any segment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Converts the membership into a pointer that a foreign language can hold, without an
    /// allocation.
    ///
    /// Pass it to [`Membership::from_raw`] exactly once.
    #[doc(hidden)]
    pub fn into_raw(self) -> *const () {
        match self.0 {
            Repr::Interned(refs) => std::ptr::from_ref(refs).cast(),
            Repr::Shared(refs) => Arc::into_raw(refs).cast(),
        }
    }

    /// Converts a pointer of [`Membership::into_raw`] back.
    ///
    /// # Safety
    /// `raw` comes from `into_raw` and was not converted back before. To borrow it instead, keep
    /// the result in a [`std::mem::ManuallyDrop`].
    #[doc(hidden)]
    pub unsafe fn from_raw(raw: *const ()) -> Self {
        let raw = raw.cast::<Refs>();
        // SAFETY: the caller promises a live pointer of `into_raw`.
        let refs: &'static Refs = unsafe { &*raw };
        if refs.is_interned {
            Self(Repr::Interned(refs))
        } else {
            // SAFETY: only shared refs have `is_interned` unset, and those come from
            // `Arc::into_raw`.
            Self(Repr::Shared(unsafe { Arc::from_raw(raw) }))
        }
    }
}

fn intern(mut refs: Refs) -> Repr {
    if refs.refs.len() > MAX_INTERNED_REFS {
        return Repr::Shared(Arc::new(refs));
    }
    let _gate = fork_guard();
    let mut interned = INTERNED.lock();
    if let Some(known) = interned.get(&refs) {
        return Repr::Interned(known);
    }
    if interned.len() >= MAX_INTERNED {
        return Repr::Shared(Arc::new(refs));
    }
    refs.is_interned = true;
    let refs: &'static Refs = Box::leak(Box::new(refs));
    interned.insert(refs);
    Repr::Interned(refs)
}

impl PartialEq for Refs {
    fn eq(&self, other: &Self) -> bool {
        self.included == other.included && self.refs == other.refs
    }
}

impl Eq for Refs {}

impl Hash for Refs {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.included.hash(state);
        self.refs.hash(state);
    }
}

impl Default for Membership {
    fn default() -> Self {
        Self::empty()
    }
}

impl PartialEq for Membership {
    fn eq(&self, other: &Self) -> bool {
        self.refs() == other.refs()
    }
}

impl Eq for Membership {}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership")
            .field("included", &self.included())
            .field("excluded", &self.excluded())
            .finish()
    }
}

/// The trust that an answer deserves, from best to worst (docs/spec.md#lookup-status).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum LookupStatus {
    /// The store answered, and it is up to date.
    Healthy = 0,
    /// The store answered, but nothing has kept it up to date lately.
    Stale = 1,
    /// The store failed; the membership is the last known one, or empty.
    StoreError = 2,
    /// There is no store, so no membership was looked up.
    NotConfigured = 3,
}

impl LookupStatus {
    /// Every status, best first.
    pub const ALL: &'static [LookupStatus] =
        &[Self::Healthy, Self::Stale, Self::StoreError, Self::NotConfigured];

    /// Returns the name that evaluation reasons use as `bigSegmentsStatus`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Stale => "STALE",
            Self::StoreError => "STORE_ERROR",
            Self::NotConfigured => "NOT_CONFIGURED",
        }
    }

    /// Returns the worse of two, which is what several lookups in one evaluation report.
    pub fn worst(self, other: Self) -> Self {
        self.max(other)
    }
}

impl fmt::Display for LookupStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for LookupStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
