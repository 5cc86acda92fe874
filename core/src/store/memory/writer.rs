use std::collections::BTreeSet;

use super::{Content, MemoryStore};
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::membership::Membership;
use crate::patch::{Patch, PatchOutcome};
use crate::segment_ref::SegmentRef;
use crate::store::{LoadPlan, LoadReport, LoadSource, StoreWriter};

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

    /// Carries out what a patch says, if the cursor allows it.
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

/// Adds to or takes from a set, as a patch says.
fn change(set: &mut BTreeSet<SegmentRef>, segment: &SegmentRef, joins: Option<bool>) {
    match joins {
        Some(true) => drop(set.insert(segment.clone())),
        Some(false) => drop(set.remove(segment)),
        None => {}
    }
}

impl StoreWriter for MemoryStore {
    fn cursor(&self) -> Result<Option<String>> {
        Ok(self.0.read().cursor.clone())
    }

    fn apply(&self, patch: &Patch) -> Result<PatchOutcome> {
        let mut content = self.0.write();
        let outcome = content.apply(patch)?;
        if outcome == PatchOutcome::Applied {
            content.cursor = Some(patch.version.clone());
        }
        Ok(outcome)
    }

    fn apply_part(&self, part: &Patch) -> Result<PatchOutcome> {
        self.0.write().apply(part)
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
                    change(included, segment, Some(!entry.excluded));
                    change(excluded, segment, Some(entry.excluded));
                }
            });
            progress(done as u64 + 1);
        }
        content.synchronized_on = Some(plan.synchronized_on);
        Ok(LoadReport { contexts: list.len() as u64, replaced })
    }
}
