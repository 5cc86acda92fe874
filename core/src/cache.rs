//! Keeps memberships by context hash, with a hard capacity: the least recently used context is
//! evicted first.
//!
//! It uses no store and no status, and does not decide about freshness: it returns how old an entry
//! is.
//!
//! A hit is wait-free: it takes no lock, changes no reference count, and writes at most once, to
//! the entry.
//! 1. Each entry holds the time of its last use.
//! 2. The heap in `Order` holds, for each entry, a use time that was true once.
//! 3. Eviction takes the smallest record. If the entry was used since, its record goes back with
//!    the newer time. Otherwise the entry is the least recently used of all.
//!
//! So a hit never maintains the order, and the order is as exact as the times: to the single use in
//! a small cache, to `GRAIN` in a large one.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use papaya::HashMap;
use parking_lot::Mutex;

use crate::clock::Moment;
use crate::context_key::{BuildPrefixHasher, ContextHash};
use crate::epoch::Epoch;
use crate::membership::Membership;

/// Up to this capacity the order of eviction is exact to the single use.
const EXACT: usize = 1024;
/// Beyond it, an entry used again within this time keeps its use time, so that hits write nothing
/// at all.
const GRAIN: Duration = Duration::from_millis(10);

/// In a small cache, a thread that uses the same context again within this time leaves the use time
/// as it is, if nothing was inserted in between. Otherwise two threads on one hot context would
/// contend for its cache line.
const SAME_USE: Duration = Duration::from_millis(1);

/// The cache; all methods take `&self` and may be called from any thread.
pub struct Cache {
    entries: HashMap<ContextHash, Entry, BuildPrefixHasher>,
    capacity: usize,
    id: u64,
    insertions: Padded<AtomicU64>,
    order: Padded<Mutex<Order>>,
    epoch: Arc<Epoch>,
}

struct Entry {
    membership: Membership,
    fetched: Moment,
    used: AtomicU64,
    /// The use time of this entry's one valid record in the heap; changed under the lock only.
    queued: AtomicU64,
}

#[derive(Default)]
struct Order {
    records: BinaryHeap<Reverse<(u64, ContextHash)>>,
    entries: usize,
    evictions: u64,
    invalidations: u64,
}

/// Keeps what is written often on other cache lines than what every hit reads.
#[repr(align(128))]
struct Padded<T>(T);

/// A cached membership.
#[derive(Debug, Clone)]
pub struct CachedMembership {
    /// The membership.
    pub membership: Membership,
    /// When the store returned it.
    pub fetched: Moment,
}

#[derive(Clone, Copy, PartialEq)]
struct LastUse {
    cache: u64,
    insertions: u64,
    hash_prefix: u64,
    at: u64,
}

thread_local! {
    static LAST_USE: Cell<LastUse> =
        const { Cell::new(LastUse { cache: 0, insertions: 0, hash_prefix: 0, at: 0 }) };
}

impl Cache {
    /// Creates a cache for that many contexts; with 0 it stays empty. It advances `epoch` whenever
    /// an entry is removed or its membership changes.
    pub fn new(capacity: usize, epoch: Arc<Epoch>) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        Self {
            entries: HashMap::with_hasher(BuildPrefixHasher::default()),
            capacity,
            id: IDS.fetch_add(1, Ordering::Relaxed),
            insertions: Padded(AtomicU64::new(0)),
            order: Padded(Mutex::default()),
            epoch,
        }
    }

    /// Returns the cached membership of a context, and counts as a use of it.
    pub fn get(&self, hash: &ContextHash, now: Moment) -> Option<CachedMembership> {
        let entries = self.entries.pin();
        let entry = entries.get(hash)?;
        self.touch(entry, hash, now);
        Some(CachedMembership { membership: entry.membership.clone(), fetched: entry.fetched })
    }

    fn touch(&self, entry: &Entry, hash: &ContextHash, now: Moment) {
        if self.capacity > EXACT {
            if now.since(Moment::from_nanos(entry.used.load(Ordering::Relaxed))) >= GRAIN {
                entry.used.store(now.nanos(), Ordering::Relaxed);
            }
            return;
        }
        let prefix = hash.as_bytes().first_chunk().expect("a hash has more than 8 bytes");
        let this = LastUse {
            cache: self.id,
            insertions: self.insertions.0.load(Ordering::Relaxed),
            hash_prefix: u64::from_le_bytes(*prefix),
            at: now.nanos(),
        };
        let last = LAST_USE.with(Cell::get);
        let again = LastUse { at: this.at, ..last } == this;
        if again && now.since(Moment::from_nanos(last.at)) < SAME_USE {
            return;
        }
        entry.used.store(this.at, Ordering::Relaxed);
        LAST_USE.with(|last| last.set(this));
    }

    /// Stores the membership that the store returned at `now`, and evicts other contexts as needed.
    pub fn insert(&self, hash: ContextHash, membership: Membership, now: Moment) {
        self.insert_locked(&mut self.order.0.lock(), hash, membership, now);
    }

    /// Stores the results of a query, unless something was invalidated since
    /// [`Cache::invalidations`] returned `invalidations`: the results may then be out of date
    /// already.
    pub fn insert_unless_invalidated<'a>(
        &self,
        invalidations: u64,
        now: Moment,
        memberships: impl Iterator<Item = (&'a ContextHash, &'a Membership)>,
    ) {
        if self.capacity == 0 {
            return;
        }
        let mut order = self.order.0.lock();
        if order.invalidations == invalidations {
            for (hash, membership) in memberships {
                self.insert_locked(&mut order, *hash, membership.clone(), now);
            }
        }
    }

    /// Rejects results of queries that started before this call; see
    /// [`Cache::insert_unless_invalidated`]. Entries stay.
    pub fn invalidate_queries(&self) {
        self.order.0.lock().invalidations += 1;
    }

    /// Returns how many invalidations there have been.
    pub fn invalidations(&self) -> u64 {
        self.order.0.lock().invalidations
    }

    fn insert_locked(&self, order: &mut Order, hash: ContextHash, membership: Membership, now: Moment) {
        if self.capacity == 0 {
            return;
        }
        let used = now.nanos();
        let entries = self.entries.pin();
        let mut has_changed = false;
        // A renewed entry keeps its record, so that there is always exactly one.
        let queued = match entries.get(&hash) {
            Some(known) => {
                has_changed = known.membership != membership;
                known.queued.load(Ordering::Relaxed)
            }
            None => {
                while order.entries >= self.capacity {
                    self.evict(order);
                }
                order.records.push(Reverse((used, hash)));
                order.entries += 1;
                used
            }
        };
        let entry =
            Entry { membership, fetched: now, used: AtomicU64::new(used), queued: AtomicU64::new(queued) };
        entries.insert(hash, entry);
        if has_changed {
            self.epoch.advance();
        }
        self.insertions.0.fetch_add(1, Ordering::Relaxed);
    }

    fn evict(&self, order: &mut Order) {
        let entries = self.entries.pin();
        while let Some(Reverse((queued, hash))) = order.records.pop() {
            // Records of removed entries stay behind and are dropped here.
            let Some(entry) = entries.get(&hash).filter(|e| e.queued.load(Ordering::Relaxed) == queued)
            else {
                continue;
            };
            let used = entry.used.load(Ordering::Relaxed);
            if used > queued {
                entry.queued.store(used, Ordering::Relaxed);
                order.records.push(Reverse((used, hash)));
                continue;
            }
            entries.remove(&hash);
            self.epoch.advance();
            order.entries -= 1;
            order.evictions += 1;
            return;
        }
    }

    /// Removes a context.
    pub fn remove(&self, hash: &ContextHash) {
        let mut order = self.order.0.lock();
        order.invalidations += 1;
        let entries = self.entries.pin();
        if entries.remove(hash).is_some() {
            self.epoch.advance();
            order.entries -= 1;
        }
        if order.records.len() > 2 * order.entries + 64 {
            order.records = entries
                .iter()
                .map(|(hash, entry)| Reverse((entry.queued.load(Ordering::Relaxed), *hash)))
                .collect();
        }
    }

    /// Removes every context.
    pub fn clear(&self) {
        let mut order = self.order.0.lock();
        order.invalidations += 1;
        self.entries.pin().clear();
        self.epoch.advance();
        order.records.clear();
        order.entries = 0;
    }

    /// Returns how many contexts are cached.
    pub fn len(&self) -> usize {
        self.order.0.lock().entries
    }

    /// Returns whether the cache is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many contexts have been evicted to make room.
    pub fn evictions(&self) -> u64 {
        self.order.0.lock().evictions
    }
}
