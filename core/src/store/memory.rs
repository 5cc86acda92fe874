//! A store in the memory of this process: `memory:` is private to its opener, `memory:NAME` is
//! shared by all that use the name at the same time.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::{Mutex, RwLock};

use super::{
    Backend, BatchResult, Cursor, Entry, InlineReader, LoadPlan, LoadReport, LoadSource, Metadata,
    StoreReader, StoreScanner, StoreWriter, query_inline,
};
use crate::context_key::{BuildPrefixHasher, ContextHash};
use crate::error::Result;
use crate::membership::Membership;
use crate::patch::{Patch, PatchOutcome};
use crate::runtime::{BoxFuture, fork_guard};
use crate::segment_ref::SegmentRef;

/// The store: a reader, writer and scanner in one; cheap to clone, clones share their content.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<RwLock<Content>>);

#[derive(Default)]
struct Content {
    memberships: HashMap<ContextHash, Membership, BuildPrefixHasher>,
    synchronized_on: Option<i64>,
    cursor: Option<String>,
}

static NAMED: LazyLock<Mutex<HashMap<String, Weak<RwLock<Content>>>>> = LazyLock::new(Mutex::default);

impl MemoryStore {
    pub(in crate::store) const BACKENDS: &'static [Backend] =
        &[Backend { scheme: "memory", form: "memory:[NAME]", option_lists: &[], named_options: &[] }];

    /// Opens the store of that name, or a private one for the empty name.
    ///
    /// A named store lives until the last of its readers and writers is dropped.
    pub fn named(name: &str) -> Self {
        if name.is_empty() {
            return Self::default();
        }
        let _gate = fork_guard();
        let mut named = NAMED.lock();
        if let Some(content) = named.get(name).and_then(Weak::upgrade) {
            return Self(content);
        }
        named.retain(|_, content| content.strong_count() > 0);
        let store = Self::default();
        named.insert(name.to_owned(), Arc::downgrade(&store.0));
        store
    }
}

impl Content {
    /// Rewrites one context's two sets of refs.
    fn edit(
        &mut self,
        hash: ContextHash,
        edit: impl FnOnce(&mut BTreeSet<SegmentRef>, &mut BTreeSet<SegmentRef>),
    ) {
        let before = self.memberships.get(&hash).cloned().unwrap_or_default();
        let mut included = before.included().iter().cloned().collect();
        let mut excluded = before.excluded().iter().cloned().collect();
        edit(&mut included, &mut excluded);
        if included.is_empty() && excluded.is_empty() {
            self.memberships.remove(&hash);
        } else {
            self.memberships.insert(hash, Membership::new(included, excluded));
        }
    }

    /// Applies a patch if the cursor allows it; the cursor stays.
    fn apply(&mut self, patch: &Patch) -> Result<PatchOutcome> {
        let segment = patch.segment_ref()?;
        let outcome = patch.outcome_on(self.cursor.as_deref());
        if outcome == PatchOutcome::Applied {
            for (hash, changes) in patch.context_changes() {
                self.edit(hash, |included, excluded| {
                    change(included, &segment, changes.included);
                    change(excluded, &segment, changes.excluded);
                });
            }
        }
        Ok(outcome)
    }

    fn forget_segment(&mut self, segment: &SegmentRef) -> u64 {
        let members: Vec<ContextHash> = self
            .memberships
            .iter()
            .filter(|(_, membership)| membership.check(segment.as_str()).is_some())
            .map(|(hash, _)| *hash)
            .collect();
        for hash in &members {
            self.edit(*hash, |included, excluded| {
                included.remove(segment);
                excluded.remove(segment);
            });
        }
        members.len() as u64
    }
}

/// Adds a segment to a set (`true`), removes it (`false`), or leaves the set as it is (`None`).
fn change(set: &mut BTreeSet<SegmentRef>, segment: &SegmentRef, added: Option<bool>) {
    match added {
        Some(true) => drop(set.insert(segment.clone())),
        Some(false) => drop(set.remove(segment)),
        None => {}
    }
}

impl InlineReader for MemoryStore {
    fn read(&self, hashes: &[ContextHash], memberships: &mut [Membership]) -> Result<()> {
        let content = self.0.read();
        for (hash, membership) in hashes.iter().zip(memberships) {
            *membership = content.memberships.get(hash).cloned().unwrap_or_default();
        }
        Ok(())
    }

    fn read_metadata(&self) -> Result<Metadata> {
        let synchronized_on = self.0.read().synchronized_on;
        Ok(Metadata { synchronized_on: synchronized_on.filter(|time| *time != 0) })
    }
}

impl StoreReader for MemoryStore {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        Box::pin(std::future::ready(query_inline(self, hashes)))
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(std::future::ready(self.read_metadata()))
    }

    fn as_inline(&self) -> Option<&dyn InlineReader> {
        Some(self)
    }
}

impl StoreWriter for MemoryStore {
    fn cursor(&self) -> Result<Option<String>> {
        Ok(self.0.read().cursor.clone())
    }

    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        let mut content = self.0.write();
        let outcome = content.apply(patch)?;
        if outcome == PatchOutcome::Applied && cursor == Cursor::Advance {
            content.cursor = Some(patch.version.clone());
        }
        Ok(outcome)
    }

    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        self.0.write().synchronized_on = Some(unix_millis);
        Ok(())
    }

    fn has_sync_time(&self) -> Result<bool> {
        Ok(self.0.read().synchronized_on.is_some())
    }

    fn forget_cursor(&self) -> Result<()> {
        self.0.write().cursor = None;
        Ok(())
    }

    /// Loads the list; a failing source leaves the store as it was.
    fn load(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport> {
        let mut list = Vec::new();
        let mut entries = Vec::new();
        while let Some(hash) = contexts.next(&mut entries)? {
            list.push((hash, entries.clone()));
        }
        let mut content = self.0.write();
        let replaced = plan.replace.as_ref().map_or(0, |segment| content.forget_segment(segment));
        for (done, (hash, entries)) in list.iter().enumerate() {
            content.edit(*hash, |included, excluded| {
                // Included entries come last, so that they win over excluded ones of the same list.
                for entry in entries.iter().rev() {
                    let segment = &plan.refs[entry.segment as usize];
                    change(included, segment, Some(entry.entry == Entry::Include));
                    change(excluded, segment, Some(entry.entry == Entry::Exclude));
                }
            });
            progress(done as u64 + 1);
        }
        content.synchronized_on = Some(plan.synchronized_on);
        Ok(LoadReport { contexts: list.len() as u64, replaced })
    }
}

impl StoreScanner for MemoryStore {
    fn scan(&self, visit: &mut dyn FnMut(ContextHash, Membership) -> ControlFlow<()>) -> Result<()> {
        // A copy, because `visit` is foreign and may come back to this store.
        let mut all: Vec<_> = self.0.read().memberships.iter().map(|(h, m)| (*h, m.clone())).collect();
        all.sort_unstable_by_key(|(hash, _)| *hash);
        for (hash, membership) in all {
            if visit(hash, membership).is_break() {
                break;
            }
        }
        Ok(())
    }
}
