//! The lookups of one evaluation: each membership is looked up at most once, and does not change
//! until the end (docs/spec.md#one-lookup-per-key).

use crate::context_key::ContextHash;
use crate::membership::{LookupStatus, Membership};

/// The result of a lookup, as far as evaluation needs it.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// The membership; empty when the lookup failed.
    pub membership: Membership,
    /// How reliable the membership is.
    pub status: LookupStatus,
}

/// The lookups that one evaluation has made so far, by context hash.
#[derive(Debug, Default)]
pub struct Memo {
    /// Most evaluations need at most one lookup; this one needs no allocation.
    first: Option<(ContextHash, Lookup)>,
    others: Vec<(ContextHash, Lookup)>,
}

/// Returns a lookup that needs no waiting, or `None`.
pub(super) type Resolve<'a> = dyn FnMut(ContextHash) -> Option<Lookup> + 'a;

impl Memo {
    /// Adds a lookup.
    pub fn insert(&mut self, hash: ContextHash, lookup: Lookup) {
        match self.first {
            None => self.first = Some((hash, lookup)),
            Some(_) => self.others.push((hash, lookup)),
        }
    }

    fn get(&self, hash: ContextHash) -> Option<&Lookup> {
        let mut all = self.first.iter().chain(&self.others);
        all.find(|(known, _)| *known == hash).map(|(_, lookup)| lookup)
    }

    pub(super) fn get_or_resolve(&mut self, hash: ContextHash, resolve: &mut Resolve<'_>) -> Option<&Lookup> {
        if self.get(hash).is_none() {
            self.insert(hash, resolve(hash)?);
        }
        self.get(hash)
    }
}
