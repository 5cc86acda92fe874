//! A store in this process's memory: `memory:` is private to its opener, `memory:NAME` is shared by all who say
//! that name at the same time.

mod reader;
mod writer;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::{Mutex, RwLock};

use super::{Backend, StoreScanner};
use crate::context_key::{BuildPrefixHasher, ContextHash};
use crate::error::Result;
use crate::membership::Membership;
use crate::runtime::hold_off_fork;

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
        &[Backend { scheme: "memory", form: "memory:[NAME]", option_lists: &[] }];

    /// Opens the store of that name, or a private one for the empty name.
    ///
    /// A named store lives until the last of its readers and writers goes.
    pub fn named(name: &str) -> Self {
        if name.is_empty() {
            return Self::default();
        }
        let _gate = hold_off_fork();
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
