//! Short constructors of test data: hashes, refs, memberships, patches, lists, and random choices.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::context_key::{ContextHash, ContextKey};
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::patch::{Changes, ListChanges, Patch};
use crate::segment_ref::SegmentRef;
use crate::store::{Entry, LoadEntry, LoadPlan, LoadSource};

/// Hashes a context key.
pub fn hash(key: &str) -> ContextHash {
    ContextKey::new(key).expect("a sample key is not empty").hash()
}

/// Builds a membership from refs, unchecked.
pub fn membership(included: &[&str], excluded: &[&str]) -> Membership {
    let refs = |texts: &[&str]| texts.iter().map(|text| SegmentRef::from_store(*text)).collect::<Vec<_>>();
    Membership::new(refs(included), refs(excluded))
}

/// Builds the changes of one list from context keys.
pub fn list(add: &[&str], remove: &[&str]) -> ListChanges {
    let hashes = |keys: &[&str]| keys.iter().map(|key| hash(key)).collect();
    ListChanges { add: hashes(add), remove: hashes(remove) }
}

/// Builds a patch that changes the included list only.
pub fn patch(segment: &str, previous_version: &str, version: &str, included: ListChanges) -> Patch {
    Patch {
        environment_id: "environment".to_owned(),
        segment_id: segment.to_owned(),
        version: version.to_owned(),
        previous_version: previous_version.to_owned(),
        changes: Changes { included, excluded: ListChanges::default() },
    }
}

/// Builds the patch from version `n - 1` to `n`: it adds context `n`, and removes context `n - 2`.
pub fn step(n: usize) -> Patch {
    let version = |n: usize| if n == 0 { String::new() } else { format!("v{n}") };
    let leaves = n.checked_sub(2).map_or_else(|| "nobody".to_owned(), |n| n.to_string());
    patch("s.g1", &version(n - 1), &version(n), list(&[&n.to_string()], &[&leaves]))
}

/// A list to load: for each context, the refs it joins and whether it is excluded from them.
#[derive(Default)]
pub struct SampleList {
    refs: Vec<SegmentRef>,
    numbers: HashMap<SegmentRef, u32>,
    contexts: BTreeMap<ContextHash, BTreeSet<LoadEntry>>,
    fails_at_end: bool,
}

impl SampleList {
    /// Adds a membership; the ref is not checked.
    pub fn add(mut self, hash: ContextHash, segment: &str, included: bool) -> Self {
        let next = self.refs.len() as u32;
        let segment = *self.numbers.entry(SegmentRef::from_store(segment)).or_insert_with_key(|segment| {
            self.refs.push(segment.clone());
            next
        });
        self.contexts
            .entry(hash)
            .or_default()
            .insert(LoadEntry { segment, entry: if included { Entry::Include } else { Entry::Exclude } });
        self
    }

    /// Makes the list end with [`ErrorKind::InvalidInput`] after its last context.
    pub fn failing_at_end(mut self) -> Self {
        self.fails_at_end = true;
        self
    }

    /// Returns the plan of loading it.
    pub fn plan(&self, replace: Option<&str>, synchronized_on: i64) -> LoadPlan {
        LoadPlan { refs: self.refs.clone(), replace: replace.map(SegmentRef::from_store), synchronized_on }
    }

    /// Returns every membership: context, ref, and whether it is included.
    pub fn memberships(&self) -> impl Iterator<Item = (ContextHash, &SegmentRef, bool)> {
        self.contexts.iter().flat_map(|(hash, entries)| {
            entries
                .iter()
                .map(|entry| (*hash, &self.refs[entry.segment as usize], entry.entry == Entry::Include))
        })
    }
}

impl LoadSource for SampleList {
    fn next(&mut self, entries: &mut Vec<LoadEntry>) -> Result<Option<ContextHash>> {
        entries.clear();
        match self.contexts.pop_first() {
            Some((hash, list)) => {
                entries.extend(list);
                Ok(Some(hash))
            }
            None if self.fails_at_end => Err(Error::new(ErrorKind::InvalidInput, "the list breaks off")),
            None => Ok(None),
        }
    }
}

/// A random number generator (SplitMix64) that gives the same numbers for the same seed, everywhere
/// and forever.
#[derive(Debug, Clone)]
pub struct TestRng(u64);

impl TestRng {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    /// Returns yes or no.
    pub fn flip(&mut self) -> bool {
        self.below(2) == 1
    }
}
