//! A model of a store: the slow and obvious implementation of docs/spec.md#writing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::samples::SampleList;
use crate::context_key::ContextHash;
use crate::membership::Membership;
use crate::patch::{Patch, PatchOutcome};
use crate::segment_ref::SegmentRef;
use crate::store::StoreScanner;

/// The memberships and the cursor; [`StoreModel::assert_same`] compares them with a real store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreModel {
    included: BTreeSet<(ContextHash, String)>,
    excluded: BTreeSet<(ContextHash, String)>,
    cursor: Option<String>,
}

impl StoreModel {
    /// Applies a patch, and returns the expected outcome.
    pub fn apply(&mut self, patch: &Patch) -> PatchOutcome {
        let applies = match &self.cursor {
            None if patch.previous_version.is_empty() => true,
            None => return PatchOutcome::DataLost,
            Some(cursor) if !cursor.is_empty() && *cursor == patch.version => {
                return PatchOutcome::AlreadyApplied;
            }
            Some(cursor) => *cursor == patch.previous_version,
        };
        if !applies {
            return PatchOutcome::OutOfOrder;
        }
        let lists =
            [(&mut self.included, &patch.changes.included), (&mut self.excluded, &patch.changes.excluded)];
        for (set, changes) in lists {
            set.extend(changes.add.iter().map(|hash| (*hash, patch.segment_id.clone())));
            for hash in &changes.remove {
                set.remove(&(*hash, patch.segment_id.clone()));
            }
        }
        self.cursor = Some(patch.version.clone());
        PatchOutcome::Applied
    }

    /// Loads a list, after removing the members of the replaced segment.
    pub fn load(&mut self, list: &SampleList, replace: Option<&str>) {
        for set in [&mut self.included, &mut self.excluded] {
            set.retain(|(_, segment)| Some(segment.as_str()) != replace);
        }
        for (hash, segment, included) in list.memberships() {
            let entry = (hash, segment.as_str().to_owned());
            match included {
                true => {
                    self.excluded.remove(&entry);
                    self.included.insert(entry);
                }
                // If a list has both, included wins.
                false if list.memberships().any(|other| other == (hash, segment, true)) => {}
                false => {
                    self.included.remove(&entry);
                    self.excluded.insert(entry);
                }
            }
        }
    }

    /// Returns the version of the last patch applied.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Returns every context that has any refs.
    pub fn memberships(&self) -> BTreeMap<ContextHash, Membership> {
        let refs = |set: &BTreeSet<(ContextHash, String)>, of: &ContextHash| {
            let from = (*of, String::new());
            let own = set.range(from..).take_while(|(hash, _)| hash == of);
            own.map(|(_, segment)| SegmentRef::from_store(segment.as_str())).collect::<Vec<_>>()
        };
        let everyone: BTreeSet<ContextHash> =
            self.included.iter().chain(&self.excluded).map(|(hash, _)| *hash).collect();
        everyone
            .into_iter()
            .map(|hash| (hash, Membership::new(refs(&self.included, &hash), refs(&self.excluded, &hash))))
            .collect()
    }

    /// Panics unless a scan of the store finds exactly these memberships, each once.
    #[track_caller]
    pub fn assert_same(&self, scanner: &dyn StoreScanner) {
        let mut found = BTreeMap::new();
        let scan = scanner.scan(&mut |hash, membership| {
            assert!(found.insert(hash, membership).is_none(), "{hash} was met twice");
            ControlFlow::Continue(())
        });
        scan.expect("the store can be scanned");
        let expected = self.memberships();
        for hash in found.keys().chain(expected.keys()) {
            let (found, expected) = (found.get(hash), expected.get(hash));
            assert_eq!(found, expected, "left is what the store holds for {hash}, right what it should");
        }
    }
}
